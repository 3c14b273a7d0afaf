"""The bodies of signing in and of accounts, which only REST has."""

from streamhub.protocol.frames import Incoming, Outgoing, UserObject
from streamhub.protocol.scalars import Name, Timestamp


class Confidential(Incoming, frozen=True, kw_only=True):
    """Never shows its values, in whatever log or traceback it ends up."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(...)"


class Register(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/register`."""

    email: str
    handle: str
    name: str
    password: str


class LogIn(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/login`. `login` is the handle or the e-mail address; `code` that of a second
    factor, or a recovery code, where one is on."""

    login: str
    password: str
    code: str | None = None


class Refresh(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/refresh` and `POST /v1/auth/logout`."""

    refresh_token: str


class TokenKeyObject(Outgoing, frozen=True, kw_only=True):
    """A key that verifies access tokens, as a JSON Web Key (RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    alg: str
    use: str


class TokenKeySet(Outgoing, frozen=True, kw_only=True):
    """A JSON Web Key Set (RFC 7517); empty where a secret signs the tokens."""

    keys: tuple[TokenKeyObject, ...]


class AccountObject(UserObject, frozen=True, kw_only=True):
    """One's own account: what others see of it, and what only its owner does."""

    email: str | None = None
    email_confirmed: bool
    role: str
    status: str
    locale: str
    time_zone: str
    show_presence: bool
    show_reading: bool
    created_at: Timestamp

    def __repr__(self) -> str:
        return f"AccountObject({self.id})"


class FindUsers(Incoming, frozen=True, kw_only=True):
    """`GET /v1/users?handle=`: who has this handle, in any case."""

    handle: Name


class UserList(Outgoing, frozen=True, kw_only=True):
    """The users that were found; none is no error."""

    items: tuple[UserObject, ...]


class SignedIn(Outgoing, frozen=True, kw_only=True):
    """The tokens of a client. `expires_in`: seconds until the access token runs out."""

    user: AccountObject
    access_token: str
    refresh_token: str
    expires_in: int

    def __repr__(self) -> str:
        return f"SignedIn({self.user.id})"
