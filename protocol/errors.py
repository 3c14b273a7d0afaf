"""What can be wrong with what a client sent.

    ProtocolError
    |-- BadFrame         not decodable or of no known shape: the socket is closed with its code
    |-- CommandRefused   a command that is wrong in a field: answered, and the socket stays
    `-- BodyRefused      the same of a body that came without a frame, over REST

The first two come from the codec and are taken by `Connection.receive`. None holds
what the client sent beyond a short, printable name of a field.
"""

from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.frames import Problem, Reply, problem


class ProtocolError(Exception):
    """A frame that is not taken as it is."""


class BadFrame(ProtocolError):
    """The socket must be closed with `close_code`; `detail` is for the log."""

    def __init__(self, detail: str, close_code: CloseCode = CloseCode.BAD_FRAME) -> None:
        super().__init__(detail, close_code)
        self.detail = detail
        self.close_code = close_code

    def __str__(self) -> str:
        return self.detail


class CommandRefused(ProtocolError):
    """Command `i` is answered with the problem `code`; `field` says where, like `users[0]`."""

    def __init__(self, i: int, code: str, field: str | None, detail: str) -> None:
        super().__init__(i, code, field, detail)
        self.i = i
        self.code = code
        self.field = field
        self.detail = detail

    @property
    def problem(self) -> Problem:
        return problem(self.code, self.detail, field=self.field)

    @property
    def reply(self) -> Reply:
        return Reply(i=self.i, problem=self.problem)


class BodyRefused(ProtocolError):
    """A body is wrong: problem `code`, and `field` says where; None: the body as a whole."""

    def __init__(self, code: str, field: str | None, detail: str) -> None:
        super().__init__(code, field, detail)
        self.code = code
        self.field = field
        self.detail = detail
