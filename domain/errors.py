"""Errors that may be shown to a user.

    StreamHubError
    |-- Refused        a rule says no; trying again unchanged will not help
    `-- TryAgain       nothing is wrong with the request; the same request may succeed later

Everything else becomes `internal` with a request id. `code` is one of the table in
`protocol/problems.py`, which gives the status and the title.
"""

from typing import Any


class StreamHubError(Exception):
    """A problem with a stable `code`, what was wrong, and where.

    `field` names the offending input; `retry_after_ms` says when trying again makes sense.
    """

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        retry_after_ms: int | None = None,
    ) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_ms = retry_after_ms

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}" if self.detail else self.code

    def __reduce__(self) -> tuple[object, ...]:
        shown = {"field": self.field, "retry_after_ms": self.retry_after_ms}
        return _rebuild, (type(self), self.code, self.detail, shown)


class Refused(StreamHubError):
    """A rule says no."""


class TryAgain(StreamHubError):
    """The same request may succeed later; with the same key it is safe to send again."""


class SlowReader(Exception):
    """A client does not read what it is sent. Not shown: its socket is closed."""


def _rebuild(
    kind: type[StreamHubError], code: str, detail: str, shown: dict[str, Any]
) -> StreamHubError:
    return kind(code, detail, **shown)
