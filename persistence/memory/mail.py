"""The mail queue's twin."""

from dataclasses import dataclass

from streamhub.domain.mail import CLAIM_MS, Kept, Mail, Queued


@dataclass(slots=True)
class _Row:
    mail: Mail
    next_try_at: int | None
    tries: int = 0
    problem: str = ""


class InMemoryMailQueue:
    """Implements MailQueue."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}

    async def put(self, mail: Mail) -> None:
        self._rows[mail.id] = _Row(mail, mail.queued_at)

    async def claim(self, now_ms: int, limit: int) -> tuple[Queued, ...]:
        due = sorted(
            (row.next_try_at, row.mail.id)
            for row in self._rows.values()
            if row.next_try_at is not None and row.next_try_at <= now_ms
        )
        claimed = [self._rows[id] for _, id in due[:limit]]
        queued = [Queued(mail=row.mail, tries=row.tries) for row in claimed]
        for row in claimed:
            row.next_try_at = now_ms + CLAIM_MS
            row.tries += 1
        return tuple(sorted(queued, key=lambda one: (one.mail.queued_at, one.mail.id)))

    async def sent(self, mail_id: str) -> None:
        self._rows.pop(mail_id, None)

    async def put_off(self, mail_id: str, problem: str, next_try_at: int | None) -> None:
        if row := self._rows.get(mail_id):
            row.next_try_at, row.problem = next_try_at, problem

    async def kept(self, limit: int) -> tuple[Kept, ...]:
        rows = sorted(self._rows.values(), key=lambda row: (row.mail.queued_at, row.mail.id))
        return tuple(map(_kept, rows[::-1][:limit]))

    async def find(self, mail_id: str) -> Kept | None:
        row = self._rows.get(mail_id)
        return None if row is None else _kept(row)

    async def forget_before(self, moment_ms: int) -> None:
        self._rows = {id: row for id, row in self._rows.items() if row.mail.queued_at >= moment_ms}


def _kept(row: _Row) -> Kept:
    return Kept(mail=row.mail, tries=row.tries, problem=row.problem)
