"""Accounts from a shell, beside the StreamHub they belong to."""

import json
import os
import subprocess
import sys
from typing import Any

from support.up import Up, request, wait_for


def streamhub(running: Up, *arguments: str) -> Any:
    """What the command prints as JSON, told nothing but the data folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("STREAMHUB_")}
    command = [sys.executable, "-P", "-m", "streamhub", *arguments]
    done = subprocess.run(
        [*command, "--data", str(running.data), "--json"],
        cwd=running.data.parent,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def log_in(running: Up, login: str, password: str) -> int:
    body = {"login": login, "password": password}
    return request(f"{running.state['url']}/v1/auth/login", body)[0]


def test_an_account_from_a_shell_signs_in_and_its_mails_are_on_the_admin_port(
    running: Up,
) -> None:
    email = "ella@example.org"
    made = streamhub(running, "user", "create", "ella", "--email", email, "--generate")
    assert log_in(running, "ella", made["password"]) == 200
    asked = request(f"{running.state['url']}/v1/auth/reset", {"login": "ella"})
    assert asked[0] == 202

    def mails() -> Any:
        found = streamhub(running, "mail")
        return [one["mail"] for one in found if one["mail"]["kind"] == "password_reset"]

    (mail,) = wait_for(mails, "the mail is in the mailbox")
    assert mail["to"] == email
    status, page = running.get(f"/mail/{mail['id']}", admin=True)
    assert status == 200
    assert "Choose a new password" in page.decode()
    assert running.get("/mail")[0] == 404

    streamhub(running, "user", "suspend", "ella", "--note", "done")
    kinds = [one["kind"] for one in streamhub(running, "audit", "list", "--target", "ella")]
    assert kinds == ["account.suspended", "account.created"]
    own = streamhub(running, "audit", "list", "--actor", "ella")
    assert [one["kind"] for one in own] == ["sign_in.succeeded"]
    assert streamhub(running, "audit", "verify")["ok"]
