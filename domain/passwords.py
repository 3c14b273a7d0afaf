"""Passwords: which are taken, and the port that hashes them.

Length and a list of common ones, no rules of composition: NIST SP 800-63B, section 5.1.1.2.
"""

import re
import unicodedata
from collections.abc import Container
from typing import Final, NamedTuple, Protocol

from streamhub.domain.errors import Refused

MIN_LENGTH: Final = 12
MIN_LENGTH_OF_TWO: Final = 8
"""Of a password beside a second factor."""

MAX_LENGTH: Final = 1024
"""Far above what anybody types; never cut, only refused."""

MIN_DISTINCT: Final = 5

_DECORATION: Final = re.compile(r"\A[\W\d_]+|[\W\d_]+\Z")
_NO_TEXT: Final = re.compile("[\x00\ud800-\udfff]")
_ROWS: Final = ("0123456789" * 4, "abcdefghijklmnopqrstuvwxyz" * 2, "qwertyuiopasdfghjklzxcvbnm")
_SEQUENCES: Final = (*_ROWS, *(row[::-1] for row in _ROWS))


class Verified(NamedTuple):
    """`outdated`: it matched a hash that costs less than what is asked for today."""

    matches: bool
    outdated: bool = False


class PasswordHasher(Protocol):
    """Slow hashing that never holds up anybody else.

    Both raise TryAgain("overloaded") when too many wait already.
    """

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and parameters."""
        ...

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        """Whether the password is that of the hash. None (nobody there) takes as long as any."""
        ...


def presented(password: str) -> str | None:
    """A password somebody signs in with, as it was hashed; None for what can be nobody's.

    What looks alike is alike, whatever keyboard typed it.
    """
    password = unicodedata.normalize("NFKC", password)
    return None if len(password) > MAX_LENGTH or _NO_TEXT.search(password) else password


def check_password(
    password: str, own: tuple[str, ...], common: Container[str], *, alone: bool = True
) -> str:
    """The password as it is hashed, if it may be chosen; `alone`: there is no second factor.

    `own` are the account's other words (handle, e-mail address), `common` the passwords everybody
    tries, both in lower case. Lengths count code points. Raises Refused.
    """
    password = unicodedata.normalize("NFKC", password)
    least = MIN_LENGTH if alone else MIN_LENGTH_OF_TWO
    if len(password) < least:
        raise _refused(f"must have at least {least} characters")
    if len(password) > MAX_LENGTH:
        raise _refused(f"must have at most {MAX_LENGTH} characters")
    if _NO_TEXT.search(password):
        raise _refused("must be text without NUL and lone surrogates")
    folded = password.casefold()
    bare = _DECORATION.sub("", folded)
    easy = (
        len(set(folded)) < MIN_DISTINCT
        or any(folded in sequence for sequence in _SEQUENCES)
        or folded in common
        or bare in common
    )
    if easy:
        raise _refused("is too easy to guess: choose one that nobody else would")
    if {folded, bare} & {word for text in own for word in (text, text.partition("@")[0])}:
        raise _refused("must not be your handle or e-mail address")
    return password


def _refused(detail: str) -> Refused:
    return Refused("bad_request", detail, field="password")
