"""What a setting may be: each rule reads a text, and says in words what it wants.

`parse` raises ValueError; the reader then says `<name> must be <wants>, not <shown>`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import formataddr, parseaddr
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlsplit

from streamhub.config.rates import parse_rate
from streamhub.config.secret import Secret, without_password

T_co = TypeVar("T_co", covariant=True)

_YES_OR_NO: Final = {
    **dict.fromkeys(("true", "1", "yes", "on"), True),
    **dict.fromkeys(("false", "0", "no", "off"), False),
}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
MIN_SECRET_BYTES: Final = 32  # of an HS256 key: RFC 7518, section 3.2


@dataclass(frozen=True, slots=True)
class Rule(Generic[T_co]):
    """`wants` completes "must be ..."; `shown` is what an error may print of a refused text."""

    wants: str
    parse: Callable[[str], T_co]
    shown: Callable[[str], str] = repr
    is_list: bool = False

    @property
    def is_secret(self) -> bool:
        """Whether values are hidden, and may be given in a file."""
        return self.shown is not repr


def whole(least: int, most: int | None = None, *, unit: str = "") -> Rule[int]:
    """An integer from `least` to `most`, both included."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"-?[0-9]{1,18}", text):
            raise ValueError
        return _bounded(int(text), least, most)

    return Rule(_words("a whole number", unit, least, most), parse)


def seconds(least: float, most: float | None = None) -> Rule[float]:
    """A duration in seconds, with decimals."""

    def parse(text: str) -> float:
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,9})?", text):
            raise ValueError
        return _bounded(float(text), least, most)

    return Rule(_words("a number", "seconds", least, most), parse)


def one_of(*choices: str) -> Rule[str]:
    """One word of a fixed list."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError
        return text.lower()

    return Rule(f"one of {', '.join(choices)}", parse)


def secret_url(wants: str, *schemes: str) -> Rule[Secret]:
    """A URL that may hold a password."""

    def parse(text: str) -> Secret:
        if urlsplit(text).scheme not in schemes or "://" not in text:
            raise ValueError
        return Secret(text)

    return Rule(wants, parse, without_password)


def _words(kind: str, unit: str, least: float, most: float | None) -> str:
    of = f" of {unit}" if unit else ""
    return f"{kind}{of}, at least {least}" if most is None else f"{kind}{of}, {least} to {most}"


Number = TypeVar("Number", int, float)


def _bounded(number: Number, least: float, most: float | None) -> Number:
    if number < least or (most is not None and number > most):
        raise ValueError
    return number


def _port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise ValueError
    return _bounded(int(text), 0, 65535)


def _flag(text: str) -> bool:
    if text.lower() not in _YES_OR_NO:
        raise ValueError
    return _YES_OR_NO[text.lower()]


def _address(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Za-z.:_-]+", text):
        raise ValueError
    return text


def _name(text: str) -> str:
    if not re.fullmatch(r"[!-~]{1,64}", text):
        raise ValueError
    return text


def _path(text: str) -> Path:
    if "\0" in text:
        raise ValueError
    return Path(text)


def _secret(text: str) -> Secret:
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise ValueError
    return Secret(text)


def _secrets(text: str) -> tuple[Secret, ...]:
    return tuple(_secret(line.strip()) for line in text.splitlines() if line.strip())


def _origin(text: str) -> str:
    """An origin exactly as browsers send it: they leave out a scheme's own port."""
    parts = urlsplit(text)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError
    port = "" if parts.port is None else f":{parts.port}"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    if text != f"{parts.scheme}://{host}{port}" or parts.port == _DEFAULT_PORTS[parts.scheme]:
        raise ValueError
    return text


def _origins(text: str) -> tuple[str, ...]:
    return tuple(_origin(item.strip()) for item in text.split(",") if item.strip())


def _networks(text: str) -> tuple[str, ...]:
    networks = (item.strip() for item in text.split(","))
    return tuple(str(ip_network(network)) for network in networks if network)


def _any_secret(text: str) -> Secret:
    return Secret(text)


def _words_of(text: str) -> str:
    if not 1 <= len(text) <= 80 or not text.isprintable():
        raise ValueError
    return text


def _url(text: str) -> str:
    """An absolute URL; http only for loopback, where nobody listens in."""
    parts = urlsplit(text)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise ValueError
    if parts.query or parts.fragment or parts.username or not text.isprintable():
        raise ValueError
    return text


def _urls(text: str) -> tuple[str, ...]:
    return tuple(_url(item.strip()) for item in text.split(",") if item.strip())


def _smtp_url(text: str) -> Secret:
    parts = urlsplit(text)
    query = parse_qsl(parts.query, strict_parsing=bool(parts.query))
    known = parts.scheme in ("smtp", "smtps") and parts.hostname and parts.path in ("", "/")
    if not known or query not in ([], [("tls", "none")]) or parts.fragment:
        raise ValueError
    _ = parts.port  # raises ValueError for one that is no port
    return Secret(text)


def _mailbox(text: str) -> str:
    name, address = parseaddr(text)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", address) or not text.isprintable():
        raise ValueError
    return formataddr((name, address))


def _objects_url(text: str) -> Secret:
    parts = urlsplit(text)
    bucket = re.fullmatch(r"/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", parts.path)
    query = [name for name, _ in parse_qsl(parts.query, strict_parsing=bool(parts.query))]
    known = parts.scheme in _DEFAULT_PORTS and parts.hostname and parts.username and parts.password
    if not known or not bucket or query not in ([], ["region"]) or parts.fragment:
        raise ValueError
    _ = parts.port  # raises ValueError for one that is no port
    return Secret(text)


def _ray_address(text: str) -> str:
    host, colon, port = text.rpartition(":")
    if text != "auto" and not (host and colon and _address(host.strip("[]")) and _port(port)):
        raise ValueError
    return text


PORT: Final = Rule("a port between 0 and 65535", _port)
FLAG: Final = Rule("true or false", _flag)
ADDRESS: Final = Rule("an IP address or a host name", _address)
RAY_ADDRESS: Final = Rule("auto or HOST:PORT", _ray_address)
NAME: Final = Rule("1 to 64 printable ASCII characters without blanks", _name)
PATH: Final = Rule("the path of a folder", _path)
FILE: Final = Rule("the path of a file", _path)
SECRET: Final = Rule(
    f"at least {MIN_SECRET_BYTES} bytes",
    _secret,
    lambda text: f"{len(text.encode())} bytes",
)
SECRETS: Final = Rule(
    f"secrets of at least {MIN_SECRET_BYTES} bytes, each on a line of its own",
    _secrets,
    lambda text: f"{len(text.splitlines())} lines",
)
ORIGIN: Final = Rule("an origin like https://chat.example.com, without a path", _origin)
ORIGINS: Final = Rule(
    "origins like https://chat.example.com exactly as browsers send them, separated by commas",
    _origins,
    is_list=True,
)
NETWORKS: Final = Rule(
    "addresses or networks like 10.0.0.7, 10.0.0.0/8 (no bits set behind the prefix) or fd00::/8,"
    " separated by commas",
    _networks,
    is_list=True,
)
RATE: Final = Rule(
    "a rate like 20/s burst 100, per s, min or h, with numbers from 1 to 1000000", parse_rate
)
DATABASE_URL: Final = secret_url(
    "a URL like postgresql://user:password@host:5432/database",
    "postgresql",
    "postgres",
)
REDIS_URL: Final = secret_url(
    "a URL like redis://user:password@host:6379/0, with redis, rediss or unix in front",
    "redis",
    "rediss",
    "unix",
)
ANY_SECRET: Final = Rule("any text", _any_secret, lambda text: f"{len(text)} characters")
WORDS: Final = Rule("1 to 80 printable characters", _words_of)
ISSUER: Final = Rule("a URL like https://id.example.com", _url)
URLS: Final = Rule(
    "URLs like https://chat.example.com/back, separated by commas", _urls, is_list=True
)
SMTP_URL: Final = Rule(
    "a URL like smtp://user:password@host:587 or smtps://user:password@host:465",
    _smtp_url,
    without_password,
)
MAILBOX: Final = Rule("a mailbox like StreamHub <noreply@chat.example.com>", _mailbox)
OBJECTS_URL: Final = Rule(
    "a URL like https://ACCESS:SECRET@host:9000/bucket?region=us-east-1",
    _objects_url,
    without_password,
)
