"""The development mailbox on the admin port: mails that no mail server takes, as pages.

Codes and links in mails open accounts, and the admin port has no log-in. So there are pages only
while no mail server is set and the port is on loopback, and only for requests that name this
machine by its address: a page of the web that has its own name point here (DNS rebinding) reads
nothing.
"""

import ipaddress
from datetime import UTC, datetime
from typing import Final

from aiohttp import hdrs, web
from jinja2 import Environment, PackageLoader, StrictUndefined
from yarl import URL

from streamhub.domain.errors import Refused
from streamhub.domain.mail import MailQueue

SHOWN: Final = 100

_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    hdrs.CACHE_CONTROL: "no-store",
}


def routes(mailbox: MailQueue | None) -> list[web.RouteDef]:
    """`/mail` and `/mail/{id}`. `mailbox`: None where it must not be shown."""
    pages = _Pages(mailbox)
    return [web.get("/mail", pages.all), web.get("/mail/{id}", pages.one)]


class _Pages:
    def __init__(self, mailbox: MailQueue | None) -> None:
        self._mailbox = mailbox
        self._templates = Environment(
            loader=PackageLoader("streamhub.transport", "pages"),
            autoescape=True,
            undefined=StrictUndefined,
        )
        self._templates.filters["moment"] = _moment

    async def all(self, request: web.Request) -> web.Response:
        mails = await self._open(request).kept(SHOWN)
        return self._page("mailbox.html", "Mails", mails=mails, limit=SHOWN)

    async def one(self, request: web.Request) -> web.Response:
        kept = await self._open(request).find(request.match_info["id"])
        if kept is None:
            raise Refused("not_found", "there is no such mail, or it was forgotten after a week")
        return self._page("mail.html", kept.mail.subject, kept=kept)

    def _open(self, request: web.Request) -> MailQueue:
        """The mailbox, if it may be seen. Raises Refused."""
        if self._mailbox is None:
            raise Refused(
                "not_found",
                "mails are shown here only while STREAMHUB_SMTP_URL is not set and"
                " STREAMHUB_ADMIN_HOST is on loopback; `streamhub mail` shows those that wait",
            )
        if not _is_address(request.host):
            raise Refused(
                "forbidden", "open this page by the machine's address or as localhost", field="Host"
            )
        return self._mailbox

    def _page(self, template: str, title: str, **values: object) -> web.Response:
        text = self._templates.get_template(template).render(title=title, **values)
        return web.Response(text=text, content_type="text/html", headers=_HEADERS)


def _is_address(authority: str) -> bool:
    """Whether a Host header names an address, not a name that somebody else may point here."""
    try:
        host = URL(f"//{authority}").host or ""
        return host == "localhost" or bool(ipaddress.ip_address(host))
    except ValueError:
        return False


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
