"""Every metric of a host, and the joining of several hosts' into one page."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CREATED: Final = re.compile(rb"^(?:# (?:HELP|TYPE) )?\w+_created\b.*\n", re.MULTILINE)
_NAME: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")


class Metrics:
    """The instruments of one host, in a registry of their own: tests may make several.

    Labels hold what the code chose (a route's pattern, a status), never what a client sent.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self.http_requests = Counter(
            "streamhub_http_requests",
            "HTTP requests answered.",
            ("route", "method", "status"),
            registry=registry,
        )
        self.http_seconds = Histogram(
            "streamhub_http_request_seconds",
            "Time from a request's head to the end of its handler; sockets are left out.",
            ("route", "method"),
            buckets=_SECONDS,
            registry=registry,
        )
        self.sockets_open = Gauge(
            "streamhub_sockets_open", "WebSocket connections open now.", registry=registry
        )

    def read(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A gauge whose value is read when somebody looks."""
        Gauge(name, help_text, registry=self._registry).set_function(value)

    def count(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        """A counter (`name` without `_total`) whose value is read when somebody looks."""
        self._registry.register(_Counted(name, help_text, value))

    def render(self) -> bytes:
        """The exposition in Prometheus' text format, without the `_created` series nobody reads."""
        return _CREATED.sub(b"", generate_latest(self._registry))


class _Counted(Collector):
    """A counter that somebody else keeps."""

    def __init__(self, name: str, help_text: str, value: Callable[[], float]) -> None:
        self._name = name
        self._help_text = help_text
        self._value = value

    def collect(self) -> Iterable[Metric]:
        return (CounterMetricFamily(self._name, self._help_text, value=self._value()),)


class _Family:
    """One metric family of the page: its HELP and TYPE lines, and the samples of all hosts."""

    def __init__(self) -> None:
        self.header: dict[str, str] = {}
        self.samples: list[str] = []


def merge(expositions: Mapping[str, bytes]) -> bytes:
    """Joins expositions by host id into one, with a `host` label on each sample.

    Each family is headed once, by the first host that has it. Samples must not have a `host` label
    yet. Raises ValueError for what is not an exposition.
    """
    families: dict[str, _Family] = {}
    for host, exposition in expositions.items():
        label = f'host="{_escaped(host)}"'
        for name, kind, line in _lines(exposition.decode()):
            family = families.setdefault(name, _Family())
            if kind == "sample":
                family.samples.append(_labelled(line, label))
            else:
                family.header.setdefault(kind, line)
    lines = [
        line for family in families.values() for line in (*family.header.values(), *family.samples)
    ]
    return "".join(f"{line}\n" for line in lines).encode()


def _lines(text: str) -> Iterator[tuple[str, str, str]]:
    """(family, HELP or TYPE or sample, line) of each line that is not a mere comment."""
    family = ""
    for line in text.split("\n"):
        if line.startswith(("# HELP ", "# TYPE ")):
            kind, family = line[2:].split(" ", 2)[:2]
            yield family, kind, line
        elif line and not line.startswith("#"):
            yield family, "sample", line


def _labelled(line: str, label: str) -> str:
    name = _NAME.match(line)
    if name is None:
        raise ValueError(f"not a sample: {line[:80]!r}")
    rest = line[name.end() :]
    if rest.startswith("{}"):
        return f"{name[0]}{{{label}}}{rest[2:]}"
    if rest.startswith("{"):
        return f"{name[0]}{{{label},{rest[1:]}"
    return f"{name[0]}{{{label}}}{rest}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
