"""Argon2id in a bounded set of threads, and the list of passwords everybody tries."""

import asyncio
import math
import os
import secrets
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import resources
from typing import Final, TypeVar

import argon2

from streamhub.config import AuthSettings
from streamhub.domain.errors import TryAgain
from streamhub.domain.passwords import Verified

T = TypeVar("T")

WAITING_PER_WORKER: Final = 32
"""Some seconds of work: who would wait longer is told so at once."""

_NICENESS: Final = 10
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16
_FIRST_GUESS_S: Final = 0.1


class Argon2Hasher:
    """Implements PasswordHasher by argon2id, `settings.argon2_workers` at once.

    The threads hold no lock of the interpreter while they hash and have a lower priority than the
    event loop, so a flood of log-ins waits for itself and not for chat. Beyond the queue's bound
    it is refused with the time after which there will be room.
    """

    def __init__(self, settings: AuthSettings) -> None:
        self._argon2 = argon2.PasswordHasher(
            time_cost=settings.argon2_time_cost,
            memory_cost=settings.argon2_memory_kib,
            parallelism=1,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._nobodys = _hash_of_nothing(settings)
        self._workers = settings.argon2_workers
        self._executor = ThreadPoolExecutor(
            self._workers, thread_name_prefix="argon2", initializer=_yield_to_the_loop
        )
        self._unfinished = 0
        self._last_s = _FIRST_GUESS_S

    async def hash(self, password: str) -> str:
        return await self._run(lambda: self._argon2.hash(password))

    async def verify(self, password_hash: str | None, password: str) -> Verified:
        return await self._run(lambda: self._verify(password_hash or self._nobodys, password))

    def close(self) -> None:
        """Forget who waits; hashes in progress end by themselves."""
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> Verified:
        try:
            self._argon2.verify(password_hash, password)
        except argon2.exceptions.VerifyMismatchError:
            return Verified(matches=False)
        return Verified(matches=True, outdated=self._argon2.check_needs_rehash(password_hash))

    async def _run(self, work: Callable[[], T]) -> T:
        if self._unfinished >= self._workers * (1 + WAITING_PER_WORKER):
            wait_ms = math.ceil(self._unfinished / self._workers * self._last_s * 1000)
            raise TryAgain("overloaded", "too many are signing in", retry_after_ms=wait_ms)
        loop = asyncio.get_running_loop()
        self._unfinished += 1
        future = self._executor.submit(self._timed, work)
        # Counted until the thread is done with it, not until a caller who may have gone is.
        future.add_done_callback(lambda _: self._finish(loop))
        return await asyncio.wrap_future(future)

    def _timed(self, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self._last_s = time.perf_counter() - begun

    def _finish(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody counts any more
            loop.call_soon_threadsafe(self._count_down)

    def _count_down(self) -> None:
        self._unfinished -= 1


def common_passwords() -> frozenset[str]:
    """The passwords everybody tries, in lower case."""
    file = resources.files("streamhub.persistence") / "common_passwords.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


def _hash_of_nothing(settings: AuthSettings) -> str:
    """A hash that costs as much as any to check, and that nothing matches."""
    salt, tag = (
        b64encode(secrets.token_bytes(size)).rstrip(b"=").decode()
        for size in (_SALT_BYTES, _HASH_BYTES)
    )
    cost = f"m={settings.argon2_memory_kib},t={settings.argon2_time_cost},p=1"
    return f"$argon2id$v=19${cost}${salt}${tag}"


def _yield_to_the_loop() -> None:
    if sys.platform == "linux":  # elsewhere a thread has no priority of its own
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
