"""Accounts: what a handle, a name and an e-mail address may be, and the store of all."""

import re
import unicodedata
from typing import Final, Literal, Protocol

import msgspec
from email_validator import EmailNotValidError, validate_email

from streamhub.domain.access import Role, Standing, Status
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId

AccountKind = Literal["person", "bot"]

MAX_NAME: Final = 80
MAX_LOCAL_PART: Final = 64  # RFC 5321, section 4.5.3.1.1
RESERVED_HANDLES: Final = frozenset(
    {"admin", "all", "channel", "everyone", "here", "streamhub", "system"}
)
"""Handles nobody may register: a mention of them must not reach, or pass for, a person."""

# Ends in a letter or digit, so that in "hi @bob." the full stop is the sentence's.
_HANDLE: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,30}[a-z0-9]")
_UNSEEN: Final = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NO_TEXT: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who can sign in, or a bot of its `owner`, which acts by tokens alone.

    `email` is None where none is known, and proven to be theirs at `email_confirmed_at`;
    `status_note` is what a moderator said when the status changed. Times in ms. `show_presence`,
    `show_reading`: whether others see if they are there, and how far they have read.
    """

    id: UserId
    handle: str
    name: str
    email: str | None
    role: Role
    created_at: int
    kind: AccountKind = "person"
    owner: UserId | None = None
    status: Status = "active"
    status_note: str = ""
    email_confirmed_at: int | None = None
    locale: str = "en"
    time_zone: str = "UTC"
    show_presence: bool = True
    show_reading: bool = True

    @property
    def closed(self) -> bool:
        """Whether nobody can sign in to it any more."""
        return self.status in ("deactivated", "deleted")

    @property
    def standing(self) -> Standing:
        return Standing(user=self.id, role=self.role, status=self.status)

    def __repr__(self) -> str:  # without what must not reach a log
        return f"Account({self.id})"


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a log-in is checked against.

    `known_address`: the account has signed in from that address before. Without a hash it has no
    password.
    """

    account: Account
    password_hash: str | None
    known_address: bool

    def __repr__(self) -> str:
        return f"Credentials({self.account.id})"


class AccountStore(Protocol):
    """Accounts and their password hashes. Handles and e-mail addresses are unique, whatever
    their case. All raise TryAgain("unavailable") when the store is away."""

    async def create(self, account: Account, password_hash: str | None) -> None:
        """Without a hash no password opens it. Raises Refused("conflict") when the handle or the
        e-mail address is taken, without saying which."""
        ...

    async def account(self, user: UserId) -> Account | None: ...

    async def credentials(self, login: str, address: str) -> Credentials | None:
        """Those of the account with this handle or e-mail address, in any case."""
        ...

    async def replace_hash(self, user: UserId, old: str, new: str) -> None:
        """Store `new`, unless the hash is no longer `old`."""
        ...


def check_handle(handle: str) -> str:
    """The handle, if it may be registered. Raises Refused."""
    if not _HANDLE.fullmatch(handle):
        raise Refused(
            "bad_request",
            "must be 2 to 32 lower-case letters a-z, digits, _ . or -, and begin and end with a"
            " letter or digit",
            field="handle",
        )
    return handle


def check_name(name: str) -> str:
    """The name to display, without blanks around it. Raises Refused."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise Refused("bad_request", f"must have 1 to {MAX_NAME} characters", field="name")
    if any(char in _UNSEEN or unicodedata.category(char) in _NO_TEXT for char in name):
        raise Refused(
            "invalid_text", "must not have control or text direction characters", field="name"
        )
    return name


def check_email(email: str) -> str:
    """The e-mail address, if it looks like one: whether it is, only a message to it can tell.

    Raises Refused. Quoted local parts, address literals and letters beyond ASCII are not taken.
    """
    try:
        # Domains that only an organisation's own mail server knows are good too: no `.local` is
        # refused, but what has no dot is a typing error.
        found = validate_email(
            email, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False
        )
    except EmailNotValidError:
        raise _no_email() from None
    if not email.isascii() or len(found.local_part) > MAX_LOCAL_PART or "." not in found.domain:
        raise _no_email()
    return email


def _no_email() -> Refused:
    return Refused("bad_request", "must be an e-mail address like ann@example.com", field="email")


def handle_or_email_taken() -> Refused:
    """The one refusal when somebody has either, so it does not tell which."""
    return Refused("conflict", "the handle or the e-mail address is already in use")
