"""`streamhub audit` and `streamhub mail`: what happened, and what was written to whom."""

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streamhub.cluster.cli_office import (
    data_option,
    in_office,
    json_option,
    moment,
    print_json,
    print_table,
)
from streamhub.config import load_settings

if TYPE_CHECKING:
    from streamhub.cluster.office import Office
    from streamhub.domain.audit import AuditEntry, AuditHead, Broken
    from streamhub.domain.mail import Kept, MailQueue

BROKEN: Final = 5
_LOOK_EVERY_S: Final = 1.0
_LOOKED_AT: Final = 200
_MOMENT = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ"])
_ANCHOR: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")
_ID: Final = re.compile(r"[a-z]{2}_[0-9a-z]{26}")


def _anchor(_ctx: click.Context, _param: click.Parameter, said: str | None) -> "AuditHead | None":
    """Where the log ended, as `audit verify` printed it."""
    from streamhub.domain.audit import AuditHead

    if said is None:
        return None
    found = _ANCHOR.fullmatch(said)
    if found is None:
        raise click.BadParameter("must be NUMBER:HASH, as `streamhub audit verify` prints it")
    return AuditHead(int(found[1]), bytes.fromhex(found[2]))


@click.group("audit")
def audit_group() -> None:
    """The audit log: every security event, chained by hashes."""


@audit_group.command("list")
@click.option("--kind", help="Like account.suspended.")
@click.option("--actor", metavar="USER", help="Who did it.")
@click.option("--target", metavar="USER", help="To whom it was done.")
@click.option("--since", type=_MOMENT, help="UTC.")
@click.option("--until", type=_MOMENT, help="UTC.")
@click.option("--before", type=click.IntRange(1), metavar="NUMBER", help="Older than this entry.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
@data_option
@json_option
def list_audit(
    kind: str | None,
    actor: str | None,
    target: str | None,
    since: datetime | None,
    until: datetime | None,
    before: int | None,
    limit: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Entries of the log, the newest first."""

    async def work(office: "Office") -> "tuple[AuditEntry, ...]":
        from streamhub.domain.audit import AuditQuery

        query = AuditQuery(
            before=before,
            limit=limit,
            kind=kind,
            actor=await _subject(office, actor),
            target=await _subject(office, target),
            since=_ms(since),
            until=_ms(until),
        )
        return await office.audit.entries(query)

    entries = in_office(data, work)
    if as_json:
        from streamhub.transport.http_audit import entry_object

        print_json([entry_object(entry) for entry in entries])
        return
    columns = ("number", "at", "kind", "actor", "target", "address", "detail")
    rows = [
        (
            str(entry.number),
            moment(entry.at),
            entry.kind,
            entry.actor or "-",
            entry.target or "-",
            entry.address or "-",
            entry.detail,
        )
        for entry in entries
    ]
    print_table(columns, rows)


@audit_group.command("verify")
@click.option(
    "--anchor",
    callback=_anchor,
    metavar="NUMBER:HASH",
    help="An end of the log that was written down: it must still be in it.",
)
@data_option
@json_option
def verify_audit(anchor: "AuditHead | None", data: Path | None, as_json: bool) -> None:
    """Check the chain. Prints where it ends: keep that elsewhere, as the next --anchor.

    Exit code 0: it holds; 5: it does not.
    """

    async def work(office: "Office") -> "tuple[AuditHead, list[Broken]]":
        from streamhub.domain.audit import verify

        return await verify(office.audit, anchor)

    head, broken = in_office(data, work)
    if as_json:
        breaks = [{"number": one.number, "why": one.why} for one in broken]
        end = {"number": head.number, "hash": head.hash.hex()}
        print_json({"ok": not broken, **end, "broken": breaks})
    else:
        for one in broken:
            click.echo(f"broken at {one.number}: {one.why}")
        click.echo(f"{'broken' if broken else 'ok'}, ends with {head.number}:{head.hash.hex()}")
    if broken:
        sys.exit(BROKEN)


@click.command("mail")
@click.option("--id", "mail_id", metavar="ID", help="One mail, whole.")
@click.option("--follow", is_flag=True, help="Print each new mail whole, until Ctrl-C.")
@click.option("--limit", type=click.IntRange(1, _LOOKED_AT), default=20, show_default=True)
@data_option
@json_option
def mail(mail_id: str | None, follow: bool, limit: int, data: Path | None, as_json: bool) -> None:
    """The development mailbox, the newest first: what no mail server has taken."""
    settings = load_settings(os.environ, overrides={"data": data}, cwd=Path.cwd())
    if settings.mail.url is not None:
        click.echo("Mails go to STREAMHUB_SMTP_URL; these wait, or were given up.", err=True)
    if follow:
        in_office(data, lambda office: _follow(office.mails, as_json))
    elif mail_id is not None:
        _print_mail(in_office(data, lambda office: _one(office.mails, mail_id)), as_json)
    else:
        _print_mails(in_office(data, lambda office: office.mails.kept(limit)), as_json)


async def new_mails(
    queue: "MailQueue", pause: Callable[[], Awaitable[None]]
) -> "AsyncIterator[Kept]":
    """Mails as they are queued from now on, the oldest first; for ever."""
    seen = {kept.mail.id for kept in await queue.kept(_LOOKED_AT)}
    while True:
        await pause()
        found = await queue.kept(_LOOKED_AT)
        for kept in reversed(found):
            if kept.mail.id not in seen:
                yield kept
        seen |= {kept.mail.id for kept in found}


async def _follow(queue: "MailQueue", as_json: bool) -> None:
    async for kept in new_mails(queue, lambda: asyncio.sleep(_LOOK_EVERY_S)):
        _print_mail(kept, as_json)


async def _one(queue: "MailQueue", mail_id: str) -> "Kept":
    from streamhub.domain.errors import Refused

    found = await queue.find(mail_id)
    if found is None:
        raise Refused("not_found", f"there is no mail {mail_id}")
    return found


async def _subject(office: "Office", said: str | None) -> str | None:
    """The id that is meant. Ids are taken as they are: their accounts may be long gone."""
    if said is None or _ID.fullmatch(said):
        return said
    return (await office.admin.find(said)).id


def _ms(when: datetime | None) -> int | None:
    return None if when is None else int(when.replace(tzinfo=UTC).timestamp() * 1000)


def _print_mails(mails: "tuple[Kept, ...]", as_json: bool) -> None:
    if as_json:
        print_json(mails)
        return
    columns = ("id", "queued", "kind", "to", "subject", "problem")
    rows = [
        (
            kept.mail.id,
            moment(kept.mail.queued_at),
            kept.mail.kind,
            kept.mail.to,
            kept.mail.subject,
            kept.problem,
        )
        for kept in mails
    ]
    print_table(columns, rows)


def _print_mail(kept: "Kept", as_json: bool) -> None:
    if as_json:
        print_json(kept)
        return
    one = kept.mail
    click.echo(f"{one.id}  {moment(one.queued_at)}\nTo: {one.to}\nSubject: {one.subject}\n")
    click.echo(f"{one.text}\n")
