"""Writes mails from the templates in `mails/`, and queues them."""

from collections.abc import Callable, Mapping
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from streamhub.domain.ids import RANDOM_BYTES, make_id
from streamhub.domain.mail import Mail, MailKind, MailQueue

MAIL: Final = "ma"
_SUBJECT: Final = "Subject: "


class Letters:
    """Implements Mailer. `server` is how people know this server: its public URL."""

    def __init__(
        self,
        queue: MailQueue,
        server: str,
        *,
        now_ms: Callable[[], int],
        random_bytes: Callable[[int], bytes],
        queued: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._server = server
        self._now_ms = now_ms
        self._random_bytes = random_bytes
        self._queued = queued
        self._templates = Environment(
            loader=PackageLoader("streamhub.transport", "mails"),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            keep_trailing_newline=True,
        )

    async def send(self, kind: MailKind, to: str, values: Mapping[str, str]) -> None:
        """Queue a mail of this kind. Raises TryAgain("unavailable")."""
        await self._queue.put(self.written(kind, to, values))
        self._queued()

    def written(self, kind: MailKind, to: str, values: Mapping[str, str]) -> Mail:
        """The mail as it will be sent. Raises jinja2.UndefinedError for a value that is missing."""
        # One line each, whatever is in a name: the subject is a header, and ends with its line.
        given = {name: " ".join(value.split()) for name, value in values.items()}
        given["server"] = self._server
        head, _, text = self._templates.get_template(f"{kind}.txt").render(given).partition("\n")
        subject = head.removeprefix(_SUBJECT)
        page = self._templates.get_template(f"{kind}.html").render(given, subject=subject)
        now_ms = self._now_ms()
        return Mail(
            id=make_id(MAIL, now_ms, self._random_bytes(RANDOM_BYTES)),
            kind=kind,
            to=to,
            subject=subject,
            text=text.lstrip("\n"),
            html=page,
            queued_at=now_ms,
        )
