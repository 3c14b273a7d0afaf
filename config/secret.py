"""A value that never shows itself by accident."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

HIDDEN = "***"
_SECRET_QUERY = re.compile(r"(?<=[?&])([^=&]*(?:password|secret|token)[^=&]*)=[^&]*", re.IGNORECASE)


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """Text to be read with `reveal()` where it is used, and nowhere else.

    `str`, `repr` and formatting give `shown`: a URL without its password, `***` for anything else.
    """

    _value: str
    others: tuple[str, ...] = ()
    """What is accepted in its place while it is being changed."""

    def reveal(self) -> str:
        return self._value

    def reveal_all(self) -> tuple[str, ...]:
        """The value, and what is accepted in its place."""
        return (self._value, *self.others)

    @property
    def shown(self) -> str:
        """What may be printed."""
        return without_password(self._value)

    def __str__(self) -> str:
        return self.shown

    def __repr__(self) -> str:
        return f"Secret({self.shown})"


def without_password(url: str) -> str:
    """`url` with its passwords hidden; `***` when it is no URL with a host, whose parts are
    therefore unknown."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return HIDDEN
    if not parts.scheme or "://" not in url or not (host or parts.path) or "@" in parts.path:
        return HIDDEN
    user, at, address = parts.netloc.rpartition("@")
    if ":" in user:
        user = f"{user.partition(':')[0]}:{HIDDEN}"
    query = _SECRET_QUERY.sub(rf"\1={HIDDEN}", f"?{parts.query}") if parts.query else ""
    return f"{parts.scheme}://{user}{at}{address}{parts.path}{query}"
