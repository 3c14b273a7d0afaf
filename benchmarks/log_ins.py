"""Log-ins beside chat: what 20 of them a second do to how long a message takes.

Argon2id is meant to be slow. Each takes tens of milliseconds of a core, in threads that yield to
the event loop; what chat feels of it is measured in rounds with and without, in turns.
"""

import asyncio
import secrets
import time
from dataclasses import dataclass, field
from statistics import median

import aiohttp

from benchmarks import sends
from benchmarks.report import Line
from benchmarks.target import Target

PASSWORD = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many log-ins a second, by how many accounts, beside which chat, in how many rounds."""

    per_s: int = 20
    accounts: int = 10
    rounds: int = 5
    chat: sends.Sizes = field(default_factory=lambda: sends.Sizes(seconds=6.0))


SMOKE = Sizes(per_s=4, accounts=2, rounds=1, chat=sends.SMOKE)


async def measure(target: Target, sizes: Sizes = Sizes()) -> list[Line]:
    """A line for p50 and p99 of an acknowledgement beside log-ins, against those without."""
    quiet: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    done = 0
    async with aiohttp.ClientSession() as http, sends.crowd(target, sizes.chat) as crowd:
        logins = [await _register(http, target.url(n)) for n in range(sizes.accounts)]
        for _ in range(sizes.rounds):
            quiet.append((await _round(crowd, sizes)).ack_ms)
            people = asyncio.ensure_future(_log_in(http, target, logins, sizes))
            beside.append((await _round(crowd, sizes)).ack_ms)
            done += await people
    took_s = sizes.rounds * sizes.chat.seconds
    lines = [Line(work="log-ins/s that succeeded", ours=f"{done / took_s:.1f}")]
    for name, at, most in (("p50", 0, None), ("p99", 1, 1.2)):
        ours, without = (median(figures[at] for figures in kind) for kind in (beside, quiet))
        ratio = ours / without
        lines.append(
            Line(
                work=f"{sizes.chat.pace_per_s} sends/s beside them: {name}",
                ours=f"{ours:.1f} ms",
                peer="without log-ins",
                theirs=f"{without:.1f} ms",
                ratio=ratio,
                goal="" if most is None else f"at most {most:g}x",
                met=None if most is None else ratio <= most,
            )
        )
    return lines


async def _round(crowd: sends.Crowd, sizes: Sizes) -> sends.Figures:
    return await crowd.run(sizes.chat.seconds, pace_per_s=sizes.chat.pace_per_s)


async def _register(http: aiohttp.ClientSession, url: str) -> tuple[str, str]:
    handle = f"u{secrets.token_hex(6)}"
    body = {
        "email": f"{handle}@example.org",
        "handle": handle,
        "name": handle,
        "password": PASSWORD,
    }
    async with http.post(f"{url}/v1/auth/register", json=body) as answer:
        assert answer.status == 201, await answer.text()
    return url, handle


async def _log_in(
    http: aiohttp.ClientSession, target: Target, logins: list[tuple[str, str]], sizes: Sizes
) -> int:
    """Log-ins on time, whoever still waits; how many succeeded."""
    began = time.perf_counter()
    pending = []
    for number in range(int(sizes.per_s * sizes.chat.seconds)):
        await asyncio.sleep(max(0.0, began + number / sizes.per_s - time.perf_counter()))
        pending.append(asyncio.ensure_future(_one(http, *logins[number % len(logins)])))
    return sum(await asyncio.gather(*pending))


async def _one(http: aiohttp.ClientSession, url: str, login: str) -> bool:
    body = {"login": login, "password": PASSWORD}
    async with http.post(f"{url}/v1/auth/login", json=body) as answer:
        await answer.read()
        return answer.status == 200
