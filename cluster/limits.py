"""Limits from settings."""

import time

from redis.asyncio import Redis

from streamhub.config import LimitSettings, Rate
from streamhub.domain.fair_use import FairUse, Policies
from streamhub.domain.limits import Allowance
from streamhub.domain.sign_in import SignInLimits
from streamhub.persistence.limits import LocalWhenAway
from streamhub.persistence.memory.limits import InMemoryLimiter
from streamhub.persistence.redis import RedisLimiter


def fair_use_of(settings: LimitSettings, client: Redis) -> FairUse:
    """What each may use, counted in Redis, and on this host while that is away."""
    meter = LocalWhenAway(RedisLimiter(client), InMemoryLimiter(now_us))
    return FairUse(policies_of(settings), meter, now_us)


def policies_of(settings: LimitSettings) -> Policies:
    return Policies(
        requests_by_address=allowance_of(settings.requests_by_address),
        requests=allowance_of(settings.requests),
        requests_by_token=allowance_of(settings.requests_by_token),
        commands=allowance_of(settings.commands),
        creations=allowance_of(settings.creations),
        lookups=allowance_of(settings.lookups),
    )


def sign_in_limits_of(settings: LimitSettings) -> SignInLimits:
    """How often one may try to sign in."""
    return SignInLimits(
        log_in=allowance_of(settings.log_in),
        register=allowance_of(settings.register),
        account=allowance_of(settings.guess),
        second_factor=allowance_of(settings.second_factor),
    )


def allowance_of(rate: Rate) -> Allowance:
    return Allowance(rate.per_s, rate.burst)


def now_us() -> int:
    return time.monotonic_ns() // 1000
