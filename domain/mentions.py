"""Finding `@handle` in a text."""

import re
from collections.abc import Mapping
from typing import Final, Literal

from streamhub.domain.channels import Mention
from streamhub.domain.people import Person

MAX_MENTIONS: Final = 50
"""Further ones stay plain text."""

_MENTION: Final = re.compile(
    r"(?<![a-z0-9_@.-])@([a-z0-9][a-z0-9_.-]{0,30}[a-z0-9])(?![a-z0-9_-])", re.I | re.A
)


_CALLS: Final[Mapping[str, Literal["channel", "here"]]] = {"channel": "channel", "here": "here"}
"""No handles, see `domain.accounts.RESERVED_HANDLES`."""


def handles_in(text: str) -> frozenset[str]:
    """The handles a text may mention, in lower case; and `channel` and `here`, if it calls."""
    return frozenset(name for name, _, _ in _found(text))


def mentions_in(text: str, people: Mapping[str, Person]) -> tuple[Mention, ...]:
    """Where `text` names these people (by lower-case handle), or calls everybody; offsets in code
    points."""
    return tuple(
        Mention(calls=_CALLS[name], offset=offset, length=length)
        if name in _CALLS
        else Mention(user=people[name].id, offset=offset, length=length)
        for name, offset, length in _found(text)
        if name in people or name in _CALLS
    )


def _found(text: str) -> list[tuple[str, int, int]]:
    if "@" not in text:
        return []
    matches = list(_MENTION.finditer(text))[:MAX_MENTIONS]
    return [(match[1].lower(), match.start(), match.end() - match.start()) for match in matches]
