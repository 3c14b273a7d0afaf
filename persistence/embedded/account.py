"""Who a server runs as. PostgreSQL refuses to run as root, so root needs another account for it."""

import functools
import os
import pwd
import signal
import stat
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from streamhub.persistence.embedded.errors import EmbeddedServerError

LAUNCHER = Path(__file__).with_name("launch.py")


@dataclass(frozen=True, slots=True)
class Account:
    """`launch` is what launch.py is told; `uid` and `gid` own the server's files as we see them.

    `passes` says that no folder is closed to it, whatever its mode.
    """

    launch: str
    uid: int
    gid: int
    passes: bool = False

    @property
    def is_other_user(self) -> bool:
        return self.uid != os.geteuid()

    def can_enter(self, folder: Path) -> bool:
        """Whether every folder down to and with `folder` lets this account pass."""
        return all(self._passes(place.stat()) for place in (folder, *folder.parents))

    def passing(self) -> "Account | None":
        """The same account with the right to pass any folder; None where the kernel refuses."""
        launch = f"{self.uid}:{self.gid}:pass"
        return replace(self, launch=launch, passes=True) if _launches(launch) else None

    def let_in(self, folder: Path) -> None:
        """Let another user pass through a private folder of ours, without reading it."""
        if not self._passes(folder.stat()):
            os.chown(folder, -1, self.gid)
            folder.chmod(0o710)

    def own(self, folder: Path) -> None:
        """Give a whole folder to this account. The top comes last: a half-done change is redone."""
        if folder.stat().st_uid == self.uid:
            return
        for path in (*folder.rglob("*"), folder):
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def _passes(self, found: os.stat_result) -> bool:
        if self.passes or not self.is_other_user:
            return True
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def own_account() -> Account:
    return Account("self", os.geteuid(), os.getegid())


def account_for_postgres() -> Account:
    """Ourselves when that is a plain user of this machine; else `nobody`.

    A user namespace is the better `nobody`: files stay ours and no folder above must be opened.
    Containers often refuse it; there root starts the server as the real `nobody`, with the right
    to pass any folder if those above are closed. (A uid that is not in the password file needs the
    namespace too: initdb looks its user up.)
    """
    own = own_account()
    if own.uid != 0 and _is_known(own.uid):
        return own
    if user_namespaces_work():
        return Account("namespace", own.uid, own.gid)
    if own.uid != 0:
        return own
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedServerError(
            "PostgreSQL refuses to run as root, and this machine has neither user namespaces nor a "
            "user `nobody`. Start StreamHub as a plain user, or set STREAMHUB_DATABASE_URL."
        ) from None
    return Account(f"{nobody.pw_uid}:{nobody.pw_gid}", nobody.pw_uid, nobody.pw_gid)


@functools.cache
def user_namespaces_work() -> bool:
    return _launches("namespace")


def _launches(account: str) -> bool:
    """Whether a program of ours runs under this account of launch.py."""
    if sys.platform != "linux":
        return False
    trial = [sys.executable, "-I", "-S", str(LAUNCHER), str(os.getpid()), str(int(signal.SIGKILL))]
    looks = "import os, sys; sys.exit(not os.access(sys.executable, os.X_OK))"  # as initdb does
    program = [sys.executable, "-I", "-S", "-c", looks]
    return subprocess.run([*trial, account, *program], capture_output=True).returncode == 0  # noqa: S603


def _is_known(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True
