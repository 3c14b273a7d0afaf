"""The system's clock and randomness, for all that asks for them as ports."""

import secrets
import time


class SystemClock:
    """Wall-clock time and the system's randomness."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)
