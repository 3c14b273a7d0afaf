"""Second factors: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for the day
the app is lost.

    none --begin--> begun --confirm--> on --remove--> none

Only a confirmed one is asked for at sign-in. A code works once: its time step must be above that
of the last one that was used.
"""

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

import msgspec
import pyotp

from streamhub.config import Secret
from streamhub.domain.audit import AuditEvent, AuditKind
from streamhub.domain.ids import UserId
from streamhub.domain.origin import Origin
from streamhub.domain.sealing import Sealer, derived

STEP_S: Final = 30
DRIFT_STEPS: Final = 1
"""How far a phone's clock may be off, in steps."""

RECOVERY_CODES: Final = 10
_SECRET_BYTES: Final = 20  # RFC 4226, section 4: 160 bits
_RECOVERY_BYTES: Final = 15
"""From 112 bits on a code may be kept as a plain digest (ASVS 5.0, 6.5.2)."""

_CODE: Final = re.compile(r"[0-9]{6}")
_RECOVERY: Final = re.compile(r"[a-z2-7]{24}")


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored. `last_step`: of the newest code that was used."""

    user: UserId
    sealed: bytes
    begun_at: int
    confirmed_at: int | None = None
    last_step: int = 0


class SecondFactorStore(Protocol):
    """The second factors. All raise TryAgain("unavailable") when the store is away."""

    async def get(self, user: UserId) -> SecondFactor | None: ...

    async def begin(self, factor: SecondFactor) -> bool:
        """Put it in the place of one that was not confirmed; False when there is one that was."""
        ...

    async def confirm(
        self, user: UserId, at: int, step: int, recovery: Sequence[bytes], event: AuditEvent
    ) -> bool:
        """From now on it is asked for; False unless there is one to confirm."""
        ...

    async def use_step(self, user: UserId, step: int) -> bool:
        """Whether `step` is above the last one; then it is the last one. Atomic."""
        ...

    async def use_recovery(self, user: UserId, digest: bytes, event: AuditEvent) -> bool:
        """Whether there is such a recovery code; then there was. Atomic."""
        ...

    async def replace_recovery(self, user: UserId, recovery: Sequence[bytes]) -> None: ...

    async def recovery_left(self, user: UserId) -> int: ...

    async def remove(self, user: UserId, event: AuditEvent) -> None: ...


class Enrolment(NamedTuple):
    """What the app must be told: the secret in base 32, and all of it as a `otpauth` URI."""

    secret: str
    uri: str

    def __repr__(self) -> str:  # without what must not reach a log
        return "Enrolment(...)"


SEALED_FOR: Final = "second factors"


class SecondFactors:
    """Enrols and checks second factors."""

    def __init__(
        self,
        store: SecondFactorStore,
        *,
        secret: Secret,
        issuer: str,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._sealer = Sealer(secret, SEALED_FOR, random_bytes)
        self._recovery_keys = derived(secret, b"recovery codes")
        self._issuer = issuer
        self._now_ms = now_ms
        self._random_bytes = random_bytes

    async def is_on(self, user: UserId) -> bool:
        """Whether it is asked for at sign-in. Raises TryAgain("unavailable")."""
        factor = await self._store.get(user)
        return factor is not None and factor.confirmed_at is not None

    async def recovery_left(self, user: UserId) -> int:
        """How many recovery codes were not used yet."""
        return await self._store.recovery_left(user)

    async def begin(self, user: UserId, handle: str) -> Enrolment | None:
        """A new secret for the user's app; None when one is on already. Raises TryAgain."""
        secret = self._random_bytes(_SECRET_BYTES)
        factor = SecondFactor(
            user=user, sealed=self._sealer.seal(secret, user), begun_at=self._now_ms()
        )
        if not await self._store.begin(factor):
            return None
        text = base64.b32encode(secret).decode()
        uri = pyotp.TOTP(text).provisioning_uri(name=handle, issuer_name=self._issuer)
        return Enrolment(text, uri)

    async def confirm(self, user: UserId, code: str, origin: Origin) -> tuple[str, ...] | None:
        """Turn it on: the recovery codes, shown this once; None for a wrong code."""
        factor = await self._store.get(user)
        if factor is None or factor.confirmed_at is not None:
            return None
        step = self._step_of(factor, code)
        if step is None:
            return None
        codes = self._new_codes()
        digests = [self._digests(user, one)[0] for one in codes]
        event = self._event("second_factor.enabled", user, origin)
        turned_on = await self._store.confirm(user, self._now_ms(), step, digests, event)
        return codes if turned_on else None

    async def renew_recovery(self, user: UserId) -> tuple[str, ...]:
        """New recovery codes in the place of all old ones."""
        codes = self._new_codes()
        await self._store.replace_recovery(user, [self._digests(user, one)[0] for one in codes])
        return codes

    async def check(self, user: UserId, code: str, origin: Origin) -> bool:
        """Whether the code of the app, or a recovery code, is right and was never used; then it is
        used up. True where no factor is on."""
        factor = await self._store.get(user)
        if factor is None or factor.confirmed_at is None:
            return True
        if _CODE.fullmatch(code):
            step = self._step_of(factor, code)
            return step is not None and await self._store.use_step(user, step)
        plain = code.replace("-", "").replace(" ", "").lower()
        if not _RECOVERY.fullmatch(plain):
            return False
        event = self._event("second_factor.recovery_used", user, origin)
        for digest in self._digests(user, plain):
            if await self._store.use_recovery(user, digest, event):
                return True
        return False

    async def remove(self, user: UserId, origin: Origin) -> None:
        """Ask for it no more."""
        await self._store.remove(user, self._event("second_factor.disabled", user, origin))

    def _event(self, kind: AuditKind, user: UserId, origin: Origin) -> AuditEvent:
        return origin.event(kind, self._now_ms(), actor=user, target=user)

    def _step_of(self, factor: SecondFactor, code: str) -> int | None:
        """The time step whose code this is, among those of about now."""
        if not _CODE.fullmatch(code):
            return None
        secret = base64.b32encode(self._sealer.unseal(factor.sealed, factor.user)).decode()
        app, now = pyotp.TOTP(secret), self._now_ms() // 1000 // STEP_S
        steps = range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1)
        right = [step for step in steps if hmac.compare_digest(app.generate_otp(step), code)]
        return max(right, default=None)

    def _new_codes(self) -> tuple[str, ...]:
        return tuple(_shown(self._random_bytes(_RECOVERY_BYTES)) for _ in range(RECOVERY_CODES))

    def _digests(self, user: UserId, code: str) -> tuple[bytes, ...]:
        """Under each secret that is accepted, the present one first."""
        said = f"{user}\0{code.replace('-', '')}".encode()
        return tuple(hmac.digest(key, said, "sha256") for key in self._recovery_keys)


def _shown(raw: bytes) -> str:
    text = base64.b32encode(raw).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))
