"""Become a server that ends with its parent: `launch.py PARENT SIGNAL ACCOUNT PROGRAM ARGS...`.

A program of its own and not Popen's `preexec_fn`, which runs Python between fork and exec and can
deadlock in a process that has threads (Ray brings many). It imports the standard library only, so
that `python -I -S` starts it in about 20 ms, and the server keeps its process id.

PARENT is the process to end with: the kernel sends SIGNAL when the *thread* that started this one
ends. ACCOUNT is one of
    self         stay who we are
    namespace    a user namespace in which we are `nobody`; outside, files stay ours
    UID:GID      become that user
    UID:GID:pass become that user and keep one right of root's, to pass and read any folder
"""

import ctypes
import os
import signal
import sys
from pathlib import Path

NOBODY = 65534

_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_VERSION_3 = 0x20080522
_CAP_DAC_OVERRIDE = 1


def main(parent: str, death_signal: str, account: str, *argv: str) -> None:
    # Python ignores SIGPIPE, and whoever started us may block signals: not to be inherited.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if account == "namespace":
        _enter_user_namespace()
    elif account != "self":
        uid, gid, *right = account.split(":")
        _become(int(uid), int(gid), keep_passing=right == ["pass"])
    if sys.platform == "linux":  # after the change of user, which clears it
        _checked(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(death_signal)))
        if os.getppid() != int(parent):
            raise SystemExit("launch: the parent ended first")
    os.execv(argv[0], argv)  # noqa: S606


def _enter_user_namespace() -> None:
    uid, gid = os.geteuid(), os.getegid()
    _checked(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER))
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {gid} 1")


def _become(uid: int, gid: int, *, keep_passing: bool) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if keep_passing:  # capabilities(7): rights outlive the change of user, also for access(2)
        _checked(libc.prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if keep_passing:  # all rights but one are given up, and that one outlives the exec
        header = (ctypes.c_uint32 * 2)(_CAP_VERSION_3, 0)
        right = 1 << _CAP_DAC_OVERRIDE  # effective, permitted, inheritable; then the upper halves
        _checked(libc.capset(header, (ctypes.c_uint32 * 6)(right, right, right, 0, 0, 0)))
        _checked(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_OVERRIDE, 0, 0))


def _checked(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as error:
        raise SystemExit(f"launch: cannot run {sys.argv[4]} as {sys.argv[3]}: {error}") from None
