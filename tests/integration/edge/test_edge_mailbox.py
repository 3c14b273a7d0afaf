"""The development mailbox as a browser meets it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from html import escape

import aiohttp
import pytest

from streamhub.domain.mail import Mail
from streamhub.persistence.memory.mail import InMemoryMailQueue
from streamhub.transport import mailbox
from streamhub.transport.health import create_admin_app
from streamhub.transport.site import Site

NOW = 1_764_000_000_000
HTML = '<p onclick="x">Code "123456"</p><script>alert(1)</script>'


async def exposition() -> bytes:
    return b""


@pytest.fixture
async def queue() -> InMemoryMailQueue:
    queue = InMemoryMailQueue()
    await queue.put(
        Mail(
            id="ma_1",
            kind="sign_in",
            to="<ann>@example.org",
            subject="Your code <b>",
            text="It is 123456, or https://chat.example/sign-in#shl_abc <i>",
            html=HTML,
            queued_at=NOW,
        )
    )
    return queue


@pytest.fixture
async def browser(
    serve: Callable[..., Awaitable[Site]], queue: InMemoryMailQueue, request: pytest.FixtureRequest
) -> AsyncIterator[aiohttp.ClientSession]:
    """Of the mailbox; with the parameter None, of an admin port that must not show it."""
    kept = getattr(request, "param", "kept")
    app = create_admin_app({}, exposition)
    app.add_routes(mailbox.routes(queue if kept else None))
    site = await serve(app)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{site.port}") as session:
        yield session


async def test_mails_are_listed_and_whatever_is_in_them_is_text(
    browser: aiohttp.ClientSession,
) -> None:
    async with browser.get("/mail") as answer:
        page = await answer.text()
        assert (answer.status, answer.content_type) == (200, "text/html")
    assert '<a href="/mail/ma_1">Your code &lt;b&gt;</a>' in page
    assert "&lt;ann&gt;@example.org" in page
    assert "2025-11-24 16:00:00 UTC" in page


async def test_a_mail_is_shown_whole_and_its_page_does_nothing(
    browser: aiohttp.ClientSession,
) -> None:
    async with browser.get("/mail/ma_1") as answer:
        page, headers = await answer.text(), answer.headers
    assert 'href="https://chat.example/sign-in#shl_abc"' in page
    assert "&lt;i&gt;" in page
    quoted = escape(HTML).replace("&quot;", "&#34;")
    assert f'<iframe sandbox="" title="The mail as HTML" srcdoc="{quoted}"></iframe>' in page
    assert "<script" not in page
    assert headers["Content-Security-Policy"].startswith("default-src 'none';")
    assert "script-src" not in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"


async def test_an_empty_mailbox_says_so(
    browser: aiohttp.ClientSession, queue: InMemoryMailQueue
) -> None:
    await queue.sent("ma_1")
    async with browser.get("/mail") as answer:
        assert "No mail yet" in await answer.text()
    async with browser.get("/mail/ma_1") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("browser", [None], indirect=True)
@pytest.mark.parametrize("path", ["/mail", "/mail/ma_1"])
async def test_where_mails_must_not_be_shown_it_says_how_to_see_them(
    browser: aiohttp.ClientSession, path: str
) -> None:
    async with browser.get(path) as answer:
        body = await answer.json(content_type="application/problem+json")
    assert (answer.status, body["code"]) == (404, "not_found")
    assert "STREAMHUB_SMTP_URL" in body["detail"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example:8081", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example@127.0.0.1", 400),
        ("[::1", 400),
        ("localhost:8081", 200),
        ("192.0.2.7:8081", 200),
        ("[::1]:8081", 200),
    ],
)
async def test_a_name_that_others_may_point_here_reads_no_mail(
    browser: aiohttp.ClientSession, host: str, status: int
) -> None:
    for path in ("/mail", "/mail/ma_1"):
        async with browser.get(path, headers={"Host": host}) as answer:
            assert answer.status == status
            if status != 200:
                assert "123456" not in await answer.text()
