"""A real OpenID Connect provider in a process of its own, and a browser that agrees to all."""

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import aiohttp
from support.ports import free_port

START_WITHIN_S = 60.0


@dataclass(frozen=True)
class Provider:
    """Where it is."""

    issuer: str

    async def agree(self, page: str, subject: str) -> dict[str, str]:
        """Open the page, say that one is `subject`; what the redirect URI gets."""
        async with (
            aiohttp.ClientSession() as browser,
            browser.post(page, data={"sub": subject}, allow_redirects=False) as answer,
        ):
            assert answer.status == 302, await answer.text()
            query = parse_qs(urlsplit(answer.headers["Location"]).query)
            return {name: values[0] for name, values in query.items()}


@contextmanager
def provider(*people: dict[str, object]) -> Iterator[Provider]:
    """A provider that knows these people, each by the claims of their ID token."""
    port = free_port()
    claims = [word for one in people for word in ("--user-claims", json.dumps(one))]
    process = subprocess.Popen(
        [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *claims],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    found = Provider(f"http://127.0.0.1:{port}")
    try:
        _wait_until_it_serves(found, process)
        yield found
    finally:
        process.kill()
        process.wait()


def _wait_until_it_serves(found: Provider, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(OSError):
            urllib.request.urlopen(f"{found.issuer}/.well-known/openid-configuration").close()  # noqa: S310
            return
        time.sleep(0.1)
    raise TimeoutError("the OpenID Connect provider does not serve")
