"""`streamhub user`, `token`, `audit` and `mail` on a real PostgreSQL."""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from support.databases import fresh_database

from streamhub.cluster.access import NotDone
from streamhub.cluster.cli import cli
from streamhub.cluster.cli_records import BROKEN, new_mails
from streamhub.config import Settings
from streamhub.domain.mail import Mail
from streamhub.domain.personal_tokens import digest_of
from streamhub.persistence.accounts import PostgresAccountStore
from streamhub.persistence.embedded.stack import EmbeddedUrls
from streamhub.persistence.memory.mail import InMemoryMailQueue
from streamhub.persistence.passwords import Argon2Hasher
from streamhub.persistence.personal_tokens import PostgresPersonalTokens
from streamhub.persistence.postgres import Pool, open_pool

PASSWORD = "correct horse battery"


class Shell:
    """A shell on a machine that reaches the database."""

    def __init__(self, url: str, environment: dict[str, str]) -> None:
        self.url = url
        self.environment = environment

    def run(self, *arguments: str, said: str | None = None) -> Result:
        return CliRunner().invoke(cli, arguments, input=said, env=self.environment)

    def done(self, *arguments: str, said: str | None = None) -> str:
        """What it prints, and that all went well."""
        result = self.run(*arguments, said=said)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.stdout

    def json(self, *arguments: str, said: str | None = None) -> Any:
        return json.loads(self.done(*arguments, "--json", said=said))

    def refused(self, *arguments: str, said: str | None = None) -> str:
        """Why it was not done: what `streamhub` says in one line."""
        result = self.run(*arguments, said=said)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, NotDone), result.exception
        return str(result.exception)

    def ask(self, work: Callable[[Pool], Any]) -> Any:
        """What the database says, by one of the stores."""

        async def run() -> Any:
            pool = await open_pool(self.url, size=1, application_name="test")
            try:
                return await work(pool)
            finally:
                await pool.close()

        return asyncio.run(run())

    def opens(self, login: str, password: str) -> bool:
        """Whether the password is that of the account."""

        async def verify(pool: Pool) -> bool:
            found = await PostgresAccountStore(pool).credentials(login, "")
            hasher = Argon2Hasher(Settings().auth)
            try:
                return (
                    found is not None
                    and (await hasher.verify(found.password_hash, password)).matches
                )
            finally:
                hasher.close()

        return bool(self.ask(verify))


@pytest.fixture
def shell(
    servers: EmbeddedUrls, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Shell]:
    """With an administrator `root`; no settings but the test's."""
    monkeypatch.chdir(tmp_path)
    with asyncio.Runner() as runner:
        database = fresh_database(servers.postgres)
        url = runner.run(database.__aenter__())
        environment = {
            "STREAMHUB_DATABASE_URL": url,
            "STREAMHUB_AUTH_SECRET": "an auth secret for tests, 32 bytes and more",
            "STREAMHUB_ARGON2_MEMORY_KIB": "64",
            "STREAMHUB_ARGON2_TIME_COST": "1",
        }
        shell = Shell(url, environment)
        shell.done("user", "create", "root", "--role", "admin", "--generate")
        yield shell
        runner.run(database.__aexit__(None, None, None))


def test_an_account_is_made_with_a_password_that_is_asked_for(shell: Shell) -> None:
    said = shell.done(
        "user", "create", "ann", "--email", "ann@example.org", said=f"{PASSWORD}\n{PASSWORD}\n"
    )
    assert PASSWORD not in said
    assert shell.opens("ann", PASSWORD)
    shown = shell.json("user", "show", "ann@example.org")
    assert (shown["handle"], shown["name"], shown["role"]) == ("ann", "ann", "user")
    assert shown["email"] == "ann@example.org"


def test_a_password_comes_from_a_file_or_is_made_up(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    shell.json("user", "create", "ann", "--password-file", str(file))
    assert shell.opens("ann", PASSWORD)
    shell.json("user", "create", "bob", "--password-file", "-", said=f"{PASSWORD}\n")
    assert shell.opens("bob", PASSWORD)
    made = shell.json("user", "create", "cid", "--generate")
    assert shell.opens("cid", made["password"])
    file.write_text("\n")
    for wrong in (("--password-file", str(file)), ("--generate", "--password-file", str(file))):
        assert shell.run("user", "create", "dora", *wrong).exit_code == 2


def test_no_command_takes_a_password_as_an_argument() -> None:
    commands = [cli.commands["user"].commands[name] for name in ("create", "reset-password")]  # type: ignore[attr-defined]
    for command in commands:
        assert not {"--password"} & {opt for one in command.params for opt in one.opts}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("create", "Ann!", "--generate"), "handle: must be 2 to 32"),
        (("create", "root", "--generate"), "already in use"),
        (("create", "ann", "--password-file", "-"), "password: is too easy to guess"),
        (("show", "nobody"), "no such account"),
        (("suspend", "root"), "last administrator"),
        (("delete", "root", "--yes"), "last administrator"),
    ],
)
def test_what_the_rules_refuse_is_said_in_a_line(
    shell: Shell, arguments: tuple[str, ...], said: str
) -> None:
    assert said in shell.refused("user", *arguments, said="aaaaaaaaaaaaaaaa\n")


def test_accounts_are_listed_as_a_table_and_as_json(shell: Shell) -> None:
    for handle in ("ann", "bob"):
        shell.done("user", "create", handle, "--name", f"[red]{handle}[/]", "--generate")
    shell.done("user", "suspend", "bob", "--note", "spam")
    assert [one["handle"] for one in shell.json("user", "list")] == ["root", "ann", "bob"]
    assert [one["handle"] for one in shell.json("user", "list", "--limit", "1")] == ["root"]
    (bob,) = shell.json("user", "list", "--status", "suspended")
    assert (bob["handle"], bob["status_note"]) == ("bob", "spam")
    table = shell.done("user", "list", "--text", "ann")
    (line,) = [line for line in table.splitlines() if "ann" in line]
    assert "[red]ann[/]" in line
    assert line.startswith("us_")


def test_a_suspension_and_its_end(shell: Shell) -> None:
    shell.done("user", "create", "ann", "--generate")
    assert shell.json("user", "suspend", "ann", "--note", "spam")["status"] == "suspended"
    assert "spam" in shell.done("user", "show", "ann")
    assert shell.json("user", "activate", "ann")["status"] == "active"


def test_a_second_administrator_may_take_the_place_of_the_first(shell: Shell) -> None:
    shell.done("user", "create", "ann", "--generate")
    assert shell.json("user", "make-admin", "ann")["role"] == "admin"
    assert shell.json("user", "suspend", "root")["status"] == "suspended"


def test_a_new_password_is_printed_once_and_its_owner_told(shell: Shell) -> None:
    shell.done("user", "create", "ann", "--email", "ann@example.org", "--generate")
    made = shell.json("user", "reset-password", "ann")
    assert shell.opens("ann", made["password"])
    (mail,) = shell.json("mail")
    assert (mail["mail"]["kind"], mail["mail"]["to"]) == ("password_changed", "ann@example.org")
    assert made["password"] not in json.dumps(mail)
    given = shell.done("user", "reset-password", "ann", "--password-file", "-", said=PASSWORD)
    assert PASSWORD not in given
    assert shell.opens("ann", PASSWORD)


def test_deleting_asks_first(shell: Shell) -> None:
    account = shell.json("user", "create", "ann", "--generate")["account"]
    assert shell.run("user", "delete", "ann", said="n\n").exit_code == 1
    assert shell.json("user", "show", "ann")["status"] == "active"
    assert account["id"] in shell.done("user", "delete", "ann", said="y\n")
    assert shell.json("user", "show", account["id"])["name"] == "Deleted account"
    assert "no such account" in shell.refused("user", "show", "ann")


def test_a_token_is_printed_once_and_works_until_it_is_revoked(shell: Shell) -> None:
    account = shell.json("user", "create", "ann", "--generate")["account"]
    arguments = ("--name", "backup", "--scope", "chat:read", "--days", "30")
    made = shell.json("token", "create", "ann", *arguments)
    digest = digest_of(made["token"])
    assert digest is not None

    def bearer() -> Any:
        at = made["created_at"]
        return shell.ask(lambda pool: PostgresPersonalTokens(pool).bearer(digest, at))

    assert bearer().account.id == account["id"]
    (listed,) = shell.json("token", "list", "ann")
    assert (listed["id"], listed["scopes"]) == (made["id"], ["chat:read"])
    assert made["token"] not in shell.done("token", "list", "ann")
    assert "no such token" in shell.refused("token", "revoke", "root", made["id"])
    shell.done("token", "revoke", "ann", made["id"])
    assert bearer() is None
    assert shell.json("token", "list", "ann") == []
    assert shell.run("token", "create", "ann", "--name", "x", "--scope", "account").exit_code == 2


def test_all_of_it_is_in_the_audit_log_as_an_operators_doing(shell: Shell) -> None:
    account = shell.json("user", "create", "ann", "--generate")["account"]
    shell.done("user", "suspend", "ann")
    shell.done("token", "create", "root", "--name", "x", "--scope", "admin")
    entries = shell.json("audit", "list", "--target", "ann")
    assert [entry["kind"] for entry in entries] == ["account.suspended", "account.created"]
    for entry in entries:
        assert entry["target"] == account["id"]
        assert entry["detail"].startswith("operator")
        assert "actor" not in entry
    (made,) = shell.json("audit", "list", "--kind", "token.created")
    assert shell.json("audit", "list", "--before", str(made["number"]), "--limit", "1") == [
        entries[0]
    ]
    assert shell.json("audit", "list", "--until", "2020-01-01") == []
    assert "account.suspended" in shell.done("audit", "list", "--since", "2020-01-01")


def test_the_log_is_verified_against_what_was_written_down(shell: Shell) -> None:
    said = shell.done("audit", "verify")
    anchor = said.split()[-1]
    shell.done("user", "create", "ann", "--generate")
    assert shell.done("audit", "verify", "--anchor", anchor).startswith("ok, ends with ")
    assert shell.json("audit", "verify")["ok"]
    number = anchor.partition(":")[0]
    wrong = shell.run("audit", "verify", "--anchor", f"{number}:{'0' * 64}")
    assert wrong.exit_code == BROKEN
    assert f"broken at {number}: it is not the entry that was written down" in wrong.stdout

    async def alter(pool: Pool) -> None:
        await pool.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_append_only")
        await pool.execute("UPDATE audit_log SET detail = 'nothing' WHERE number = 1")

    shell.ask(alter)
    altered = shell.run("audit", "verify", "--json")
    assert altered.exit_code == BROKEN
    assert json.loads(altered.stdout)["broken"][0]["number"] == 1
    assert shell.run("audit", "verify", "--anchor", "1:xyz").exit_code == 2


def test_mails_are_listed_the_newest_first_and_shown_whole(shell: Shell) -> None:
    for handle in ("ann", "bob"):
        email = f"{handle}@example.org"
        shell.done("user", "create", handle, "--email", email, "--generate")
        shell.done("user", "reset-password", handle)
    table = shell.done("mail").splitlines()
    assert ["bob@example.org" in table[1], "ann@example.org" in table[2]] == [True, True]
    mail_id = table[2].split()[0]
    whole = shell.done("mail", "--id", mail_id)
    assert "To: ann@example.org\nSubject: Your password was changed" in whole
    assert "The password of ann was changed." in whole
    assert "there is no mail" in shell.refused("mail", "--id", "ma_x")
    shell.environment["STREAMHUB_SMTP_URL"] = "smtp://localhost"
    assert "STREAMHUB_SMTP_URL" in shell.run("mail").stderr
    shell.environment["STREAMHUB_AUTH_SECRET"] = "another secret for tests, 32 bytes and more"
    assert "is STREAMHUB_AUTH_SECRET that of the cluster?" in shell.refused("mail")


def test_mails_are_sealed_again_when_the_secret_was_changed(shell: Shell) -> None:
    shell.done("user", "create", "ann", "--email", "ann@example.org", "--generate")
    shell.done("user", "reset-password", "ann")
    old = shell.environment["STREAMHUB_AUTH_SECRET"]
    shell.environment["STREAMHUB_AUTH_SECRET"] = "another secret for tests, 32 bytes and more"
    assert "mails: 1 left, which no secret given here opens" in shell.done("reseal")
    shell.environment["STREAMHUB_AUTH_OTHER_SECRETS"] = old
    assert "mails: 1 sealed again" in shell.done("reseal")
    shell.environment.pop("STREAMHUB_AUTH_OTHER_SECRETS")
    assert "ann@example.org" in shell.done("mail")


async def test_new_mails_are_followed_as_they_come() -> None:
    queue = InMemoryMailQueue()

    def mail(number: int) -> Mail:
        return Mail(
            id=f"ma_{number}",
            kind="welcome",
            to="",
            subject="",
            text="",
            html="",
            queued_at=number,
        )

    await queue.put(mail(0))
    coming = [[1, 2], [], [3]]

    async def pause() -> None:
        for number in coming.pop(0):
            await queue.put(mail(number))

    following = new_mails(queue, pause)
    assert [(await anext(following)).mail.id for _ in range(3)] == ["ma_1", "ma_2", "ma_3"]


def test_without_a_cluster_or_its_secret_it_says_what_to_do(shell: Shell, tmp_path: Path) -> None:
    shell.environment.pop("STREAMHUB_AUTH_SECRET")
    assert "STREAMHUB_AUTH_SECRET is not set" in shell.refused("user", "list")
    shell.done("audit", "verify")
    shell.environment.pop("STREAMHUB_DATABASE_URL")
    nowhere = str(tmp_path / "nowhere")
    assert "STREAMHUB_DATABASE_URL" in shell.refused("user", "list", "--data", nowhere)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "auth-secret").write_text("an auth secret for tests, 32 bytes and more")
    shell.environment["STREAMHUB_DATABASE_URL"] = shell.url
    (root,) = shell.json("user", "list", "--data", str(tmp_path / "kept"))
    assert root["handle"] == "root"
