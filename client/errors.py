"""What can go wrong for whoever uses the SDK.

ClientError
|-- ConfirmByMail   there is an account once the link of a mail was used
|-- Refused         the server said no, and why: a problem with a stable `code`
|-- Unacknowledged  no answer in time: it may have been done, and may still be
|-- Unreachable     nobody answers at the server's address, or not as a StreamHub server
`-- SessionEnded    the connection is over for good, and this client will not come back
"""

from streamhub.protocol.frames import Problem
from streamhub.protocol.problems import PROBLEMS


class ClientError(Exception):
    """Anything the SDK raises."""


class ConfirmByMail(ClientError):
    """There is an account once the link of a mail was used; see `HttpApi.confirm_registration`."""


class Refused(ClientError):
    """The server answered with a problem."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem

    @property
    def code(self) -> str:
        return self.problem.code

    @property
    def retry(self) -> bool:
        """Whether the same request may succeed later."""
        kind = PROBLEMS.get(self.code)
        return kind.retry if kind else self.problem.status in (429, 503, 504)

    @property
    def may_be_done(self) -> bool:
        """Whether the request may have been carried out all the same."""
        return self.problem.status == 504

    def __str__(self) -> str:
        said = self.problem.detail or self.problem.title
        where = f" ({self.problem.field})" if self.problem.field else ""
        return f"{self.code}: {said}{where}"


class Unacknowledged(ClientError):
    """A command got no answer in time. With a `key` it is safe to send again: the same key gives
    the answer of the first time."""

    def __init__(self, command: str, key: str | None) -> None:
        super().__init__(command, key)
        self.command = command
        self.key = key

    def __str__(self) -> str:
        return f"{self.command} was not acknowledged in time"


class Unreachable(ClientError):
    """The server could not be asked."""


class SessionEnded(ClientError):
    """The server refused for good, or the client was closed.

    `close_code` is the socket's, if it was a socket that ended; `problem` what signing in or
    renewing the token was refused with.
    """

    def __init__(
        self, detail: str, *, close_code: int | None = None, problem: Problem | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.close_code = close_code
        self.problem = problem

    def __str__(self) -> str:
        return self.detail
