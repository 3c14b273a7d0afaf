"""Logging: one record per event, for people on a terminal and for programs otherwise.

Everything goes through structlog's processors and one handler on standard error, the standard
library's loggers (aiohttp, asyncio, ray) included. Values bound with
`structlog.contextvars.bind_contextvars`, such as `request_id`, appear on every record.
"""

import json as json_module
import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from streamhub.telemetry.redaction import format_exception, redact

_FOREIGN: Final = ("aiohttp", "asyncio", "ray")


def configure_logging(json: bool, level: str, host: str | None = None) -> None:
    """Send every record of `level` (debug to critical) and above to standard error.

    `json` gives one JSON object a line; otherwise it is laid out, and coloured on a terminal.
    `host` is put on each record. May be called again; the last call wins.
    """
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _Named(host),
        format_exception,
        redact,
    ]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_end(json)],
        )
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    for name in _FOREIGN:  # some come with handlers of their own, which would print twice
        foreign = logging.getLogger(name)
        foreign.handlers = []
        foreign.propagate = True


def _end(json: bool) -> list[Processor]:
    if json:
        return [structlog.processors.JSONRenderer(serializer=json_module.dumps)]
    console = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), sort_keys=False)
    return [_printable, console]


class _Named:
    """A processor that puts the host's id on each record."""

    def __init__(self, host: str | None) -> None:
        self._host = host

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        if self._host is not None:
            event["host"] = self._host
        return event


def _printable(
    _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]
) -> Mapping[str, Any]:
    """Escapes what would start a new line or steer the terminal.

    Lines of `exception` stay: each is indented, so none can pass for a record.
    """
    return {
        key: "\n".join(map(_escaped, value.split("\n")))
        if key == "exception"
        else _escaped(value)
        if isinstance(value, str)
        else value
        for key, value in event.items()
    }


def _escaped(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )
