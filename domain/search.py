"""What somebody looks for in messages, as it is typed, and who finds it.

    release notes            both words, wherever they stand
    "release notes"          next to each other
    release or notes         one of them; what stands on either side of `or` belongs together
    -draft                   not this word (or "these words")
    from:@alice              by her
    in:general               in a channel of that name, or with that id
    after:2026-01-31         on that day (UTC) or later
    before:2026-01-31        before that day
    has:file  has:link       with one

Case, diacritics and ASCII punctuation do not count. A filter's value may be quoted. `from` and `in`
that are given several times mean one of them; all other filters hold at once.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import date
from string import punctuation
from typing import Final, Literal, Protocol, cast, get_args

import msgspec

from streamhub.domain.channels import Message, Page
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, UserId
from streamhub.domain.retention import DAY_MS

Having = Literal["file", "link"]

MAX_WORD: Final = 150
"""Characters: without diacritics one may become 12 bytes, and PostgreSQL takes words of 2,046."""

_TOKEN: Final = re.compile(
    r"""(?P<minus>-?)(?:(?P<filter>[a-z]+):(?!//))?(?:"(?P<quoted>[^"]*)"?|(?P<bare>\S*))""",
    re.I | re.A,
)
_SPACES: Final = re.compile(r"\s*")
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.A)
_WORD: Final = re.compile(r"[^\W_]+")
_DIACRITICS: Final = re.compile("[\u0300-\u036f]")
_PARTED: Final = str.maketrans(dict.fromkeys(punctuation, " "))
_FIRST_DAY: Final = date(1970, 1, 1).toordinal()


class Term(msgspec.Struct, frozen=True, gc=False):
    """Words that stand next to each other, or that must not."""

    text: str
    negated: bool = False


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """A message is found if all terms of one alternative hold, or there is none, and all filters.

    `handles` and `channels` (names or ids) are in lower case; times are ms, `after` is included.
    """

    alternatives: tuple[tuple[Term, ...], ...] = ()
    handles: frozenset[str] = frozenset()
    channels: frozenset[str] = frozenset()
    after: int | None = None
    before: int | None = None
    having: frozenset[Having] = frozenset()

    @property
    def websearch(self) -> str:
        """The terms as PostgreSQL's `websearch_to_tsquery` reads them, each in quotes."""
        return " or ".join(
            " ".join(f'{"-" * term.negated}"{term.text}"' for term in terms)
            for terms in self.alternatives
        )


def parsed(query: str) -> Query:
    """What `query` asks for. Raises Refused("bad_request", field="query"): an unknown filter, a
    value that is none, a word that is too long, nothing to look for."""
    alternatives: list[list[Term]] = [[]]
    filters: dict[str, list[str]] = {}
    at = 0
    while (at := cast("re.Match[str]", _SPACES.match(query, at)).end()) < len(query):
        token = cast("re.Match[str]", _TOKEN.match(query, at))
        at = token.end()
        value = token["bare"] if token["quoted"] is None else token["quoted"]
        if token["filter"]:
            filters.setdefault(_filter(token), []).append(value)
        elif (token["minus"] + value).lower() == "or" and token["quoted"] is None:
            alternatives.append([])
        elif any(map(str.isalnum, text := " ".join(_words(value)))):
            alternatives[-1].append(Term(text, negated=bool(token["minus"])))
    said = tuple(tuple(terms) for terms in alternatives if terms)
    if not said and not filters:
        raise _bad("there is no word in it to look for")
    return Query(
        alternatives=said,
        handles=frozenset(_named(filters, "from", "@")),
        channels=frozenset(_named(filters, "in", "#")),
        after=max(map(_day, filters.get("after", ())), default=None),
        before=min(map(_day, filters.get("before", ())), default=None),
        having=frozenset(map(_having, filters.get("has", ()))),
    )


def words_of(text: str) -> list[str]:
    """What of a text counts, in its order; as PostgreSQL's function search_words has it."""
    plain = _DIACRITICS.sub("", unicodedata.normalize("NFD", text)).lower()
    return _WORD.findall(plain.translate(_PARTED))


FILTERS: Final = ("from", "in", "after", "before", "has")


def _filter(token: "re.Match[str]") -> str:
    name = token["filter"].lower()
    if name not in FILTERS:
        known = ", ".join(f"{filter}:" for filter in FILTERS)
        raise _bad(f"there is no filter {name}: but {known}; in quotes it is words")
    if token["minus"]:
        raise _bad(f"{name}: cannot be negated, only words can")
    return name


def _words(value: str) -> list[str]:
    words = value.translate(_PARTED).split()
    if max(map(len, words), default=0) > MAX_WORD:
        raise _bad(f"a word has at most {MAX_WORD} characters")
    return words


def _named(filters: dict[str, list[str]], name: str, sign: str) -> list[str]:
    found = [value.strip().removeprefix(sign).lower() for value in filters.get(name, ())]
    if "" in found:
        raise _bad(f"{name}: takes a name")
    return found


def _day(value: str) -> int:
    try:
        if _DAY.fullmatch(value):
            return (date.fromisoformat(value).toordinal() - _FIRST_DAY) * DAY_MS
    except ValueError:
        pass
    raise _bad(f"a day is written like 2026-01-31, not {value!r}")


def _having(value: str) -> Having:
    if value.lower() not in get_args(Having):
        raise _bad(f"has: takes {' or '.join(get_args(Having))}, not {value!r}")
    return cast(Having, value.lower())


def _bad(detail: str) -> Refused:
    return Refused("bad_request", detail, field="query")


class Indexed(msgspec.Struct, frozen=True):
    """What a batch came to: how many messages it read, and the channels to come back to."""

    messages: int
    left: tuple[ChannelId, ...]


class Behind(msgspec.Struct, frozen=True):
    """Channels of which the index has not seen the newest changes, each with how many; `after` is
    where to look on, None at the end."""

    channels: tuple[tuple[ChannelId, int], ...]
    after: ChannelId | None


class SearchIndex(Protocol):
    """What messages are found by, filled after their commits. Raises TryAgain("unavailable")."""

    async def behind(self, after: ChannelId | None, limit: int) -> Behind:
        """Looks at so many channels, in the order of their ids, after that one."""
        ...

    async def index(self, channels: Sequence[ChannelId], limit: int) -> Indexed:
        """Take in what the next `limit` changes of each channel did to its messages. Several hosts
        may at once: who comes second leaves the channel to the first, and must come back."""
        ...


class SearchStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def search(
        self,
        user: UserId,
        query: Query,
        authors: frozenset[UserId] | None,
        cursor: str | None,
        limit: int,
    ) -> Page[Message]:
        """What the user may read of it, by these authors (None: by anybody), newest first: the
        order in which pages stay what they are. A rank changes with every message that comes, and
        to know it every match must be read.

        A deleted message is not found from then on; an edited one not until its new text is in the
        index. Raises Refused("bad_request", field="cursor").
        """
        ...
