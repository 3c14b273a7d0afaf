"""`streamhub user`: accounts, from a shell. What is done is in the audit log, by an operator."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, cast

import click

from streamhub.cluster.cli_office import (
    data_option,
    in_office,
    json_option,
    moment,
    print_json,
    print_table,
)

if TYPE_CHECKING:
    from streamhub.cluster.office import Office
    from streamhub.domain.accounts import Account

_ROLES = click.Choice(["user", "moderator", "admin"])
_STATUSES = click.Choice(["active", "suspended", "deactivated", "deleted"])
_AT_MOST = 1000
_PAGE = 200

_user_argument = click.argument("user", metavar="USER")
_password_file_option = click.option(
    "--password-file",
    type=click.File(encoding="utf-8"),
    metavar="FILE",
    help="Read the password from the first line of FILE; - is standard input.",
)


@click.group("user")
def user_group() -> None:
    """Accounts. USER is an id, a handle or an e-mail address."""


@user_group.command()
@click.argument("handle")
@click.option("--name", help="The name to display; the handle without.")
@click.option("--email", metavar="ADDRESS")
@click.option("--role", type=_ROLES, default="user", show_default=True)
@_password_file_option
@click.option("--generate", is_flag=True, help="Make a password up, and print it.")
@data_option
@json_option
def create(
    handle: str,
    name: str | None,
    email: str | None,
    role: str,
    password_file: TextIO | None,
    generate: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make an account. Without an option the password is asked for."""
    if generate and password_file:
        raise click.UsageError("--generate and --password-file exclude each other")
    password = _first_line(password_file) if password_file else None
    if password is None and not generate:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)

    async def work(office: "Office") -> "tuple[Account, str]":
        from streamhub.cluster.office import HERE
        from streamhub.domain.admin_changes import NewAccount

        chosen = password or office.admin.made_up_password()
        wanted = NewAccount(
            handle=handle, name=name or handle, email=email, role=cast(Any, role), password=chosen
        )
        return await office.admin.create(None, wanted, HERE), chosen

    account, chosen = in_office(data, work)
    _print_account(account, as_json, made_up=chosen if generate else None)


@user_group.command("list")
@click.option("--text", help="Beginning of a handle or an address, or a part of the name.")
@click.option("--role", type=_ROLES)
@click.option("--status", type=_STATUSES)
@click.option("--limit", type=click.IntRange(1, _AT_MOST), default=100, show_default=True)
@data_option
@json_option
def list_users(
    text: str | None,
    role: str | None,
    status: str | None,
    limit: int,
    data: Path | None,
    as_json: bool,
) -> None:
    """Accounts, the oldest first."""

    async def work(office: "Office") -> "list[Account]":
        from streamhub.domain.account_edits import AccountQuery

        found: list[Account] = []
        cursor = None
        while len(found) < limit:
            query = AccountQuery(
                cursor=cursor,
                limit=min(limit - len(found), _PAGE),
                text=text,
                role=cast(Any, role),
                status=cast(Any, status),
            )
            page = await office.admin.list(None, query)
            found += page.items
            cursor = page.next_cursor
            if cursor is None:
                break
        return found

    accounts = in_office(data, work)
    if as_json:
        from streamhub.transport.http_admin import managed

        print_json([managed(account) for account in accounts])
        return
    columns = ("id", "handle", "name", "e-mail", "role", "status", "made")
    print_table(columns, [_cells(account) for account in accounts])


@user_group.command()
@_user_argument
@data_option
@json_option
def show(user: str, data: Path | None, as_json: bool) -> None:
    """One account."""
    _print_account(in_office(data, lambda office: office.admin.find(user)), as_json)


@user_group.command()
@_user_argument
@click.option("--note", default="", help="Why; for other administrators.")
@data_option
@json_option
def suspend(user: str, note: str, data: Path | None, as_json: bool) -> None:
    """Let an account read, and nothing else."""
    from streamhub.cluster.office import HERE

    account = _on(data, user, lambda office, id: office.admin.suspend(None, id, note, HERE))
    _print_account(account, as_json)


@user_group.command()
@_user_argument
@data_option
@json_option
def activate(user: str, data: Path | None, as_json: bool) -> None:
    """End a suspension, or open an account that its owner closed."""
    from streamhub.cluster.office import HERE

    account = _on(data, user, lambda office, id: office.admin.activate(None, id, HERE))
    _print_account(account, as_json)


@user_group.command("make-admin")
@_user_argument
@data_option
@json_option
def make_admin(user: str, data: Path | None, as_json: bool) -> None:
    """Make an account an administrator."""
    from streamhub.cluster.office import HERE
    from streamhub.domain.admin_changes import AccountChange

    change = AccountChange(role="admin")
    account = _on(data, user, lambda office, id: office.admin.update(None, id, change, HERE))
    _print_account(account, as_json)


@user_group.command("reset-password")
@_user_argument
@_password_file_option
@data_option
@json_option
def reset_password(
    user: str, password_file: TextIO | None, data: Path | None, as_json: bool
) -> None:
    """Set a password, by default one that is made up and printed; everybody is signed out.

    Tell it to the owner on a way you trust, to be changed at once.
    """
    given = _first_line(password_file) if password_file else None

    async def work(office: "Office") -> "tuple[Account, str]":
        from streamhub.cluster.office import HERE

        account = await office.admin.find(user)
        password = given or office.admin.made_up_password()
        await office.admin.set_password(account.id, password, HERE)
        return account, password

    account, password = in_office(data, work)
    _print_account(account, as_json, made_up=None if given else password)


@user_group.command()
@_user_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
def delete(user: str, yes: bool, data: Path | None) -> None:
    """Forget who it was, and all that opened it. What it wrote stays, without a name."""
    account = in_office(data, lambda office: office.admin.find(user))
    if not yes:
        click.confirm(f"Delete {account.handle} ({account.id}) for good?", abort=True, err=True)

    async def work(office: "Office") -> None:
        from streamhub.cluster.office import HERE

        await office.admin.delete(None, account.id, HERE)

    in_office(data, work)
    click.echo(f"{account.id} is deleted")


def _on(
    data: Path | None, user: str, act: "Callable[[Office, str], Awaitable[Account]]"
) -> "Account":
    async def work(office: "Office") -> "Account":
        return await act(office, (await office.admin.find(user)).id)

    return in_office(data, work)


def _first_line(file: TextIO) -> str:
    line = file.readline().rstrip("\r\n")
    if not line:
        raise click.UsageError("the first line of --password-file is empty")
    return line


def _cells(account: "Account") -> tuple[str, ...]:
    kind = f"{account.role}, bot" if account.kind == "bot" else account.role
    made = moment(account.created_at)
    email = account.email or "-"
    return (account.id, account.handle, account.name, email, kind, account.status, made)


def _print_account(account: "Account", as_json: bool, *, made_up: str | None = None) -> None:
    if as_json:
        from streamhub.transport.http_admin import managed

        shown = managed(account)
        print_json(shown if made_up is None else {"account": shown, "password": made_up})
        return
    names = ("id", "handle", "name", "e-mail", "role", "status", "made")
    rows = [*zip(names, _cells(account), strict=True)]
    if account.email is not None:
        rows.append(("confirmed", moment(account.email_confirmed_at)))
    if account.status_note:
        rows.append(("note", account.status_note))
    if made_up is not None:
        rows.append(("password", made_up))
    print_table(("", ""), rows)
