"""What must not reach a log: secrets, tokens, passwords, message texts, e-mail addresses."""

import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final

HIDDEN: Final = "[hidden]"
MAX_SUMMARY_CHARS: Final = 300

_PRIVATE_WORDS: Final = frozenset(
    {"authorization", "cookie", "cookies", "credential", "credentials", "dsn", "jwt", "passwd"}
    | {"password", "passwords", "secret", "secrets", "token", "tokens"}
    | {"body", "text", "texts", "email", "emails", "mail"}
)
_WORD_BREAKS: Final = re.compile(r"[^A-Za-z]+|(?<=[a-z])(?=[A-Z])")
_E_MAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_JWT: Final = re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.?[\w-]*")
_URL_PASSWORD: Final = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+@")


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: hides values of private keys, and cleans all others.

    Afterwards every value is None, a number, a text, or a list or mapping of these.
    """
    return {
        key: value if key.startswith("_") else _clean(key, value) for key, value in event.items()
    }


def scrub(text: str) -> str:
    """`text` without what looks like an e-mail address, a JWT or a password in a URL."""
    text = _URL_PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _E_MAIL.sub(HIDDEN, _JWT.sub(HIDDEN, text))


def format_exception(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """A structlog processor: turns `exc_info` into the text `exception`."""
    error = _exception_of(event.pop("exc_info", None))
    if error is not None:
        event["exception"] = "\n".join(f"    {line}" for line in _lines_of(error))
    return event


def summary_of(error: BaseException) -> str:
    """Type and first line of an error. Drivers put the offending row's values on later lines."""
    lines = str(error).splitlines()
    said = scrub(lines[0])[:MAX_SUMMARY_CHARS] if lines else ""
    return f"{type(error).__qualname__}: {said}" if said else type(error).__qualname__


def _clean(key: str, value: object) -> object:
    if _is_private(key):
        return HIDDEN
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return value if key == "exception" else scrub(value)
        case bytes() | bytearray() | memoryview():
            return f"[{len(value)} bytes]"
        case Mapping():
            return {str(name): _clean(str(name), item) for name, item in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean("", item) for item in value]
        case BaseException():
            return summary_of(value)
        case _:
            return scrub(repr(value))


def _is_private(key: str) -> bool:
    return not _PRIVATE_WORDS.isdisjoint(_WORD_BREAKS.sub(" ", key).lower().split())


def _exception_of(exc_info: object) -> BaseException | None:
    match exc_info:
        case BaseException():
            return exc_info
        case (_, BaseException() as error, _):
            return error
        case True:
            return sys.exc_info()[1]
        case _:
            return None


def _lines_of(error: BaseException) -> Iterator[str]:
    """Frames without locals, then the summary, of each error of the chain, first cause first."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    for each in reversed(chain):
        yield from _frames(each.__traceback__)
        yield summary_of(each)
        if isinstance(each, BaseExceptionGroup):
            for member in each.exceptions:
                yield from (f"| {line}" for line in _lines_of(member))


def _frames(trace: TracebackType | None) -> Iterator[str]:
    for frame in traceback.extract_tb(trace):
        yield f"{frame.filename}:{frame.lineno} in {frame.name}"
