"""The bodies of one's own account: ways in, profile, sessions, second factor, identities."""

from msgspec import UNSET, UnsetType

from streamhub.protocol.accounts import Confidential
from streamhub.protocol.frames import Incoming, Outgoing
from streamhub.protocol.scalars import Timestamp


class AskByMail(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/mail`, `/v1/auth/reset`. `login` is the handle or the e-mail address."""

    login: str


class Asked(Outgoing, frozen=True, kw_only=True):
    """A mail was sent, if there is such an account. `request` goes with the code in the mail."""

    request: str


class UseCode(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/code`: the code of a mail, and that of a second factor where one is on."""

    request: str
    code: str
    second: str | None = None


class UseLink(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/link`: what follows the `#` of the link in a mail."""

    link: str
    second: str | None = None


class ConfirmRegistration(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/register/confirm`. `handle`: another one, where that is taken by now."""

    link: str
    handle: str | None = None


class ResetPassword(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/reset/confirm`."""

    link: str
    password: str


class ConfirmEmail(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/email/confirm`."""

    link: str


class ChangeProfile(Incoming, frozen=True, kw_only=True):
    """`PATCH /v1/me`. What is absent stays."""

    name: str | UnsetType = UNSET
    handle: str | UnsetType = UNSET
    locale: str | UnsetType = UNSET
    time_zone: str | UnsetType = UNSET
    show_presence: bool | UnsetType = UNSET
    show_reading: bool | UnsetType = UNSET


class ChangePassword(Confidential, frozen=True, kw_only=True):
    """`POST /v1/me/password`. Without a password until now, `current_password` is left out."""

    password: str
    current_password: str | None = None


class ChangeEmail(Confidential, frozen=True, kw_only=True):
    """`POST /v1/me/email`."""

    email: str
    current_password: str | None = None


class Proof(Confidential, frozen=True, kw_only=True):
    """That the password is known, for what could lock its owner out."""

    current_password: str | None = None


class SessionObject(Outgoing, frozen=True, kw_only=True):
    """One log-in. `current`: the one that asks."""

    id: str
    client: str
    address: str
    opened_at: Timestamp
    last_used_at: Timestamp | None = None
    last_address: str | None = None
    expires_at: Timestamp
    current: bool


class SessionList(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/me/sessions`, the oldest first."""

    items: tuple[SessionObject, ...]


class SecondFactorState(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/me/second-factor`."""

    on: bool
    recovery_codes_left: int


class EnrolmentObject(Outgoing, frozen=True, kw_only=True):
    """`POST /v1/me/second-factor`: what the app must be told."""

    secret: str
    uri: str

    def __repr__(self) -> str:
        return "EnrolmentObject(...)"


class ConfirmFactor(Confidential, frozen=True, kw_only=True):
    """`POST /v1/me/second-factor/confirm`: a code of the app."""

    code: str


class RecoveryCodes(Outgoing, frozen=True, kw_only=True):
    """Shown this once."""

    codes: tuple[str, ...]

    def __repr__(self) -> str:
        return "RecoveryCodes(...)"


class ProviderObject(Outgoing, frozen=True, kw_only=True):
    """An OpenID Connect provider one may sign in by."""

    name: str
    issuer: str


class ProviderList(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/auth/openid`."""

    items: tuple[ProviderObject, ...]


class StartOpenId(Incoming, frozen=True, kw_only=True):
    """`POST /v1/auth/openid/start`, `/v1/me/identities/start`: where the provider sends back to."""

    redirect_uri: str


class OpenIdStarted(Outgoing, frozen=True, kw_only=True):
    """Open `url` in a browser; keep `request`, and send it with what comes back."""

    url: str
    request: str


class FinishOpenId(Confidential, frozen=True, kw_only=True):
    """`POST /v1/auth/openid/finish`, `/v1/me/identities`: what came back to the redirect URI."""

    request: str
    state: str
    code: str
    second: str | None = None


class IdentityObject(Outgoing, frozen=True, kw_only=True):
    """An identity that opens one's account."""

    issuer: str
    subject: str
    linked_at: Timestamp


class IdentityList(Outgoing, frozen=True, kw_only=True):
    """`GET /v1/me/identities`."""

    items: tuple[IdentityObject, ...]


class Unlink(Incoming, frozen=True, kw_only=True):
    """`POST /v1/me/identities/unlink`."""

    issuer: str
    subject: str
    current_password: str | None = None
