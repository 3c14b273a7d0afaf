"""The oracle of the fault tests: what senders were told, held against history and readers.

lost            acknowledged, and not in history; or in history, and not seen by a reader
duplicate       one text twice, or one seq twice to one reader
hole            a seq that is missing below one that is there
inversion       seqs that go back, or a sender's own messages in another order than sent
disagreement    one seq, two texts; or an acknowledged seq that is another one in history
refused         in history, although its sender was told that it is not
stranger        in history, and nobody sent it
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal, NamedTuple

SYSTEM: Final = ""
"""What messages of the system say: nobody sent them."""

Kind = Literal["lost", "duplicate", "hole", "inversion", "disagreement", "refused", "stranger"]


class Entry(NamedTuple):
    """A message as it was seen."""

    seq: int
    text: str


class Fault(NamedTuple):
    """A broken promise: which, where, and what shows it."""

    kind: Kind
    where: str
    what: str


@dataclass
class Reading:
    """What one reader saw of one channel, in the order it saw it. It held `since` before."""

    reader: str
    channel: str
    since: int = 0
    entries: list[Entry] = field(default_factory=list)


class _Told(NamedTuple):
    channel: str
    seq: int | None
    refused: bool


class Ledger:
    """Who sent what, and what they were told. What was told nothing is unknown: allowed to be in
    history, once, or not at all."""

    def __init__(self) -> None:
        self._counters: Counter[str] = Counter()
        self._told: dict[str, _Told] = {}

    def text(self, client: str, channel: str) -> str:
        """A text nobody else sends: `client-counter`."""
        self._counters[client] += 1
        text = f"{client}-{self._counters[client]}"
        self._told[text] = _Told(channel, None, refused=False)
        return text

    def acknowledged(self, text: str, seq: int) -> None:
        self._told[text] = self._told[text]._replace(seq=seq)

    def failed(self, text: str) -> None:
        """Its sender was told that it is not and will not be in the channel."""
        self._told[text] = self._told[text]._replace(refused=True)

    @property
    def counts(self) -> dict[str, int]:
        """How many were acknowledged, failed and unknown."""
        told = self._told.values()
        acknowledged = sum(one.seq is not None for one in told)
        failed = sum(one.refused for one in told)
        unknown = len(told) - acknowledged - failed
        return {"acknowledged": acknowledged, "failed": failed, "unknown": unknown}

    def of(self, channel: str) -> Mapping[str, _Told]:
        return {text: told for text, told in self._told.items() if told.channel == channel}


def check(
    ledger: Ledger, histories: Mapping[str, Sequence[Entry]], readings: Sequence[Reading]
) -> list[Fault]:
    """Every broken promise. `histories` are the channels read from the beginning, after all
    faults were healed; `readings` are whole: their readers were told of everything since."""
    faults: list[Fault] = []
    for channel, history in histories.items():
        faults += _of_order(f"history of {channel}", history, 0)
        faults += _of_senders(ledger, channel, history)
    for reading in readings:
        where = f"{reading.reader} in {reading.channel}"
        faults += _of_order(where, reading.entries, reading.since)
        faults += _of_reader(where, reading, histories[reading.channel])
    return faults


def check_order(readings: Sequence[Reading]) -> list[Fault]:
    """What is wrong with each reading by itself, whole or not: holes, doubles, inversions."""
    return [
        fault
        for one in readings
        for fault in _of_order(f"{one.reader} in {one.channel}", one.entries, one.since)
    ]


def report(faults: Sequence[Fault]) -> str:
    """The faults by kind, with a few of each."""
    lines = []
    for kind, count in Counter(fault.kind for fault in faults).items():
        some = [f"{fault.where}: {fault.what}" for fault in faults if fault.kind == kind][:5]
        lines.append(f"{kind}: {count}\n    " + "\n    ".join(some))
    return "\n".join(lines)


def _of_order(where: str, entries: Sequence[Entry], since: int) -> Iterator[Fault]:
    """What is wrong with a sequence by itself."""
    for seq, count in Counter(entry.seq for entry in entries).items():
        if count > 1:
            yield Fault("duplicate", where, f"seq {seq} came {count} times")
    for text, count in Counter(text for _, text in set(entries) if text != SYSTEM).items():
        if count > 1:
            yield Fault("duplicate", where, f"{text!r} has {count} seqs")
    for before, after in pairwise(entries):
        if after.seq < before.seq:
            yield Fault("inversion", where, f"seq {after.seq} came after {before.seq}")
    seqs = {entry.seq for entry in entries}
    for missing in sorted(set(range(since + 1, max(seqs, default=since) + 1)) - seqs):
        yield Fault("hole", where, f"seq {missing} is missing")


def _of_senders(ledger: Ledger, channel: str, history: Sequence[Entry]) -> Iterator[Fault]:
    """What does not fit what the senders were told."""
    where = f"history of {channel}"
    told = ledger.of(channel)
    seqs: dict[str, int] = {}
    newest: dict[str, int] = {}
    for seq, text in sorted(history):
        if text == SYSTEM:
            continue
        if text not in told:
            yield Fault("stranger", where, f"{text!r} at seq {seq}")
            continue
        seqs.setdefault(text, seq)
        client, _, counter = text.rpartition("-")
        if int(counter) < newest.get(client, 0):
            yield Fault("inversion", where, f"{text!r} came after {client}-{newest[client]}")
        newest[client] = max(newest.get(client, 0), int(counter))
    for text, one in told.items():
        if one.refused and text in seqs:
            yield Fault("refused", where, f"{text!r} at seq {seqs[text]}")
        elif one.seq is not None and text not in seqs:
            yield Fault("lost", where, f"{text!r}, acknowledged as seq {one.seq}")
        elif one.seq is not None and seqs[text] != one.seq:
            what = f"{text!r} at seq {seqs[text]}, acknowledged as {one.seq}"
            yield Fault("disagreement", where, what)


def _of_reader(where: str, reading: Reading, history: Sequence[Entry]) -> Iterator[Fault]:
    """What a reader saw that is not history, or did not see of it."""
    there = dict(history)
    seen = {entry.seq for entry in reading.entries}
    for seq, text in there.items():
        if seq > reading.since and seq not in seen:
            yield Fault("lost", where, f"{text!r} at seq {seq} was not seen")
    for seq, text in reading.entries:
        if there.get(seq) != text:
            yield Fault("disagreement", where, f"seq {seq} is {there.get(seq)!r}, not {text!r}")
