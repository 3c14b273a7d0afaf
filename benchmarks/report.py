"""Figures, what they are compared with, and the goal, as one table."""

import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

from rich.console import Console
from rich.table import Table

WIDTH: Final = 132
"""Of a table in a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure. `met` is None where no goal was set."""

    work: str
    ours: str
    peer: str = ""
    theirs: str = ""
    ratio: float | None = None
    goal: str = ""
    met: bool | None = None


def compared(
    work: str, ours: float, peer: str, theirs: float, unit: str, *, most: float | None = None
) -> Line:
    """Less is better: `ours` may be at most `most` times `theirs`."""
    ratio = ours / theirs
    return Line(
        work=work,
        ours=f"{ours:.1f} {unit}",
        peer=peer,
        theirs=f"{theirs:.1f} {unit}",
        ratio=ratio,
        goal="" if most is None else f"at most {most:g}x",
        met=None if most is None else ratio <= most,
    )


def bounded(work: str, ours: float, unit: str, *, most: float) -> Line:
    """Less is better, against a fixed goal."""
    return Line(
        work=work,
        ours=f"{ours:.2f} {unit}",
        ratio=None,
        goal=f"at most {most:g} {unit}",
        met=ours <= most,
    )


def p50_p99_ms(latencies_s: Iterable[float]) -> tuple[float, float]:
    """Two percentiles of at least two latencies, in ms."""
    cuts = quantiles(latencies_s, n=100)
    return cuts[49] * 1e3, cuts[98] * 1e3


def show(title: str, lines: Iterable[Line]) -> None:
    rows = (
        (
            line.work,
            line.ours,
            line.peer,
            line.theirs,
            "" if line.ratio is None else f"{line.ratio:.2f}",
            line.goal,
            {None: "", True: "yes", False: "NO"}[line.met],
        )
        for line in lines
    )
    columns = ("work", "StreamHub", "beside", "", "ratio", "goal", "met")
    show_table(title, columns, rows, right=("StreamHub", "ratio"))


def show_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    right: Collection[str] = (),
) -> None:
    """Print a table; the columns named in `right` are set to the right."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left")
    for row in rows:
        table.add_row(*row)
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)
