"""How much of the service each may use: addresses while nobody is known, then accounts and tokens.

| policy | counts | by |
|---|---|---|
| `requests_by_address` | requests without a token, and with one that is no good | address |
| `requests` | requests with a token | account |
| `requests_by_token` | requests with a personal token, besides | token |
| `commands` | commands over sockets | account |
| `creations`, `lookups` | some operations, over sockets and HTTP alike, besides | account |

All of these hold over all hosts, and by host while Redis is away: who is known may go on. Signing
in has limits of its own (`sign_in.SignInLimits`), which let nobody in then.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from streamhub.domain.errors import TryAgain
from streamhub.domain.ids import UserId
from streamhub.domain.limits import Allowance, Draw, Meter, Remembering
from streamhub.domain.origin import network_of
from streamhub.domain.principals import Principal
from streamhub.domain.shares import SharedPace


class Policies(NamedTuple):
    """The allowance of each policy."""

    requests_by_address: Allowance = Allowance(rate=50, burst=500)
    requests: Allowance = Allowance(rate=20, burst=200)
    requests_by_token: Allowance = Allowance(rate=10, burst=100)
    commands: Allowance = Allowance(rate=80, burst=240)
    creations: Allowance = Allowance(rate=1 / 3, burst=100)
    lookups: Allowance = Allowance(rate=2, burst=100)


COUNTED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "channel.create": "creations",
        "token.create": "creations",
        "bot.create": "creations",
        "invitation.create": "creations",
        "user.find": "lookups",
    }
)
"""Operations of `access.RIGHTS` that have a policy of their own."""


class Use(NamedTuple):
    """What was asked of a policy, and what came of it."""

    policy: str
    allowance: Allowance
    draw: Draw

    def check(self) -> None:
        """Raises TryAgain("rate_limited") when there was nothing left."""
        if not self.draw.granted:
            rate, burst = self.allowance
            detail = f"{self.policy}: {burst} at once, then {_often(rate)}"
            raise TryAgain("rate_limited", detail, retry_after_ms=self.draw.wait_ms)


class FairUse:
    """Counts what each uses. `meter` raises nothing: see `persistence.limits.LocalWhenAway`."""

    def __init__(self, policies: Policies, meter: Meter, now_us: Callable[[], int]) -> None:
        self._policies = policies
        self._meter = Remembering(meter, now_us)
        self._pace = SharedPace("commands", policies.commands, self._meter, now_us)

    def spread_over(self, hosts: int) -> None:
        """There are so many hosts now."""
        self._pace.spread_over(hosts)

    # -- requests ---------------------------------------------------------------------------

    async def of_address(self, address: str) -> Use:
        """A request of nobody who is known."""
        return await self._use("requests_by_address", network_of(address))

    async def of_principal(self, principal: Principal, operation: str) -> list[Use]:
        """A request; nothing more is counted once one policy refuses it."""
        wanted = [("requests", str(principal.user))]
        if principal.standing.scopes is not None:
            wanted.insert(0, ("requests_by_token", principal.family))
        if operation in COUNTED:
            wanted.append((COUNTED[operation], principal.user))
        uses: list[Use] = []
        for policy, whose in wanted:
            uses.append(await self._use(policy, whose))
            if not uses[-1].draw.granted:
                break
        return uses

    # -- commands ---------------------------------------------------------------------------

    def admits(self, user: UserId, operation: str) -> bool:
        """Whether a command over a socket may be carried out, as far as is known here; it counts
        then. Most may."""
        return operation not in COUNTED and self._pace.admits(user)

    async def check_command(self, user: UserId, operation: str) -> None:
        """Ask for one that `admits` did not know of. Raises TryAgain("rate_limited")."""
        if operation in COUNTED:
            (await self._use(COUNTED[operation], user)).check()
            if self._pace.admits(user):
                return
        if wait_ms := await self._pace.draw(user):
            rate, burst = self._policies.commands
            detail = f"commands: {burst} at once, then {_often(rate)}, over all your sockets"
            raise TryAgain("rate_limited", detail, retry_after_ms=wait_ms)

    async def _use(self, policy: str, whose: str) -> Use:
        allowance: Allowance = getattr(self._policies, policy)
        return Use(policy, allowance, await self._meter.draw(f"{policy}:{whose}", allowance))


def _often(rate: float) -> str:
    return f"{rate:g} a second" if rate >= 1 else f"{rate * 60:g} a minute"
