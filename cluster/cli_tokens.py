"""`streamhub token`: personal access tokens of accounts and bots, from a shell."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from streamhub.cluster.cli_office import (
    data_option,
    in_office,
    json_option,
    moment,
    print_json,
    print_table,
)
from streamhub.domain.access import SCOPES

if TYPE_CHECKING:
    from streamhub.cluster.office import Office
    from streamhub.domain.admin_tokens import MadeToken
    from streamhub.domain.personal_tokens import PersonalToken

_SCOPES = click.Choice(sorted(SCOPES))
_MOST_DAYS = 3650

_user_argument = click.argument("user", metavar="USER")


@click.group("token")
def token_group() -> None:
    """Personal access tokens. USER is an id, a handle or an e-mail address."""


@token_group.command()
@_user_argument
@click.option("--name", required=True, help="What it is for.")
@click.option("--scope", "scopes", type=_SCOPES, multiple=True, required=True)
@click.option(
    "--days",
    type=click.IntRange(1, _MOST_DAYS),
    help="How long it is good; without, until it is revoked.",
)
@data_option
@json_option
def create(
    user: str,
    name: str,
    scopes: tuple[str, ...],
    days: int | None,
    data: Path | None,
    as_json: bool,
) -> None:
    """Make a token, and print it this once."""

    async def work(office: "Office") -> "MadeToken":
        from streamhub.cluster.office import HERE

        account = await office.admin.find(user)
        return await office.tokens.create(account, name, scopes, days, HERE)

    made = in_office(data, work)
    if as_json:
        print_json({**_shown(made.token), "token": made.text})
    else:
        _print([made.token])
        click.echo(f"\n{made.text}")


@token_group.command("list")
@_user_argument
@data_option
@json_option
def list_tokens(user: str, data: Path | None, as_json: bool) -> None:
    """The tokens of an account, the oldest first."""

    async def work(office: "Office") -> "tuple[PersonalToken, ...]":
        return await office.tokens.of(await office.admin.find(user))

    tokens = in_office(data, work)
    if as_json:
        print_json([_shown(token) for token in tokens])
    else:
        _print(tokens)


@token_group.command()
@_user_argument
@click.argument("token", metavar="TOKEN_ID")
@data_option
def revoke(user: str, token: str, data: Path | None) -> None:
    """End a token, on all hosts within a second."""

    async def work(office: "Office") -> None:
        from streamhub.cluster.office import HERE

        await office.tokens.revoke(await office.admin.find(user), token, HERE)

    in_office(data, work)
    click.echo(f"{token} is revoked")


def _shown(token: "PersonalToken") -> dict[str, object]:
    return {
        "id": token.id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": token.last_used_at,
        "last_address": token.last_address,
    }


def _print(tokens: "tuple[PersonalToken, ...] | list[PersonalToken]") -> None:
    columns = ("id", "name", "scopes", "made", "expires", "last used")
    rows = [
        (
            token.id,
            token.name,
            ", ".join(sorted(token.scopes)),
            moment(token.created_at),
            moment(token.expires_at),
            moment(token.last_used_at),
        )
        for token in tokens
    ]
    print_table(columns, rows)
