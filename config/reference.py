"""Settings in words: the effective ones for an operator, all of them for the documentation."""

from pathlib import Path

from streamhub.config.catalogue import DEFAULT_SOURCE, GROUPS, KNOWN
from streamhub.config.secret import Secret
from streamhub.config.settings import Settings

_INTRODUCTION = """\
# Configuration

This page is the output of `streamhub config --reference`.

Every setting can be given in four ways; the first that is there wins:

1. a command-line flag, for the few that `streamhub up --help` lists;
2. an environment variable. An empty one counts as absent. Where the table says so, the same name
   with `_FILE` behind it names a file that holds the value;
3. a key in `streamhub.toml` in the current folder, or in the file that `STREAMHUB_CONFIG` names;
   each heading below is a table of that file;
4. the default.

A name that is not on this page stops the start. `streamhub config` prints the effective values and
where each came from, secrets hidden.
"""


def describe(settings: Settings) -> str:
    """The effective values as TOML-like text, each with its source; secrets hidden."""
    lines: list[str] = []
    for group in GROUPS:
        lines += ["", f"[{group}]"]
        values = getattr(settings, group)
        for known in KNOWN:
            if known.group == group:
                source = settings.sources.get(known.key, DEFAULT_SOURCE)
                text = f"{known.name} = {_shown(getattr(values, known.name))}"
                lines.append(f"{text:<48}  # {source}")
    return "\n".join(lines[1:]) + "\n"


def reference() -> str:
    """Every setting as a Markdown page."""
    parts = [_INTRODUCTION]
    for group, cls in GROUPS.items():
        parts.append(f"\n## {group}\n\n{cls.__doc__}\n\n| key | variable | default | must be | |")
        parts.append("\n|---|---|---|---|---|\n")
        for known in KNOWN:
            if known.group == group:
                also = " (or `_FILE`)" if known.file_variable else ""
                parts.append(
                    f"| `{known.name}` | `{known.variable}`{also} | {_default(known.default)}"
                    f" | {known.rule.wants} | {known.meaning} |\n"
                )
    return "".join(parts)


def _shown(value: object) -> str:
    match value:
        case None:
            return "(absent)"
        case bool():
            return "true" if value else "false"
        case Secret():
            return value.shown
        case str() | Path():
            return f'"{value}"'
        case tuple():
            return "[" + ", ".join(map(_shown, value)) + "]"
        case _:
            return str(value)


def _default(value: object) -> str:
    if value is None or value in ("", ()):
        return ""
    return f"`{value}`"
