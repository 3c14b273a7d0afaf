"""The first administrator: made at the first start, with a password that only its file knows."""

import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.errors import Refused
from streamhub.domain.ids import RANDOM_BYTES, USER, UserId, make_id
from streamhub.domain.passwords import PasswordHasher

LOGIN: Final = "admin"
PASSWORD_FILE: Final = "admin-password"  # noqa: S105 - a file's name

_PASSWORD_BYTES: Final = 18


class AdminAccount(NamedTuple):
    """Where the administrator's first password is; None when another data folder got it, or the
    file was removed."""

    login: str
    password_file: Path | None


async def ensure_admin(
    accounts: AccountStore, hasher: PasswordHasher, folder: Path, now_ms: Callable[[], int]
) -> AdminAccount:
    """Make the account `admin` unless there is one, its password in `folder/admin-password`
    (mode 0600). The file is written first: there is never an account whose password nobody knows.

    Raises TryAgain("unavailable"), OSError.
    """
    path = folder / PASSWORD_FILE
    if await accounts.credentials(LOGIN, "") is not None:
        return AdminAccount(LOGIN, path if path.exists() else None)
    password = secrets.token_urlsafe(_PASSWORD_BYTES)
    password_hash = await hasher.hash(password)
    _write_private(path, password)
    moment = now_ms()
    account = Account(
        id=UserId(make_id(USER, moment, secrets.token_bytes(RANDOM_BYTES))),
        handle=LOGIN,
        name="Administrator",
        email=None,
        role="admin",
        created_at=moment,
    )
    try:
        await accounts.create(account, password_hash)
    except Refused:  # another node was faster, and has the password
        path.unlink()
        return AdminAccount(LOGIN, None)
    return AdminAccount(LOGIN, path)


def _write_private(path: Path, text: str) -> None:
    """Replace the file by one that nobody else can read, at no moment."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{text}\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
