"""The API as its document says it is, tried by Schemathesis as two people who must not see each
other's things."""

import asyncio
import json
import sys
from pathlib import Path

from support.chat_hosts import ChatCluster, User

WITHIN_S = 280
EXAMPLES = 4
SEED = 20261123

CONFIG = """
[auth.wfc]
path = "people.json"
peers = ["ann", "bob"]
"""
CHECKS = ",".join(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_schema_conformance",
        "ignored_auth",
        "object_level_authorization",
    ]
)
LEFT_OUT = (
    "/v1/auth/logout",
    "/v1/me/deactivate",
    "/v1/me/delete",
    "/v1/me/sessions",  # they would end what the others are tried with
    "/v1/me/sessions/{session}",
    "/v1/me/password",
)


def entry(name: str, user: User) -> dict[str, object]:
    header = {"name": "Authorization", "value": f"Bearer {user.token}"}
    return {"name": name, "fixedHeaders": [header]}


async def private_things(user: User) -> None:
    """Something of one's own to find."""
    _, channel = await user.rest(
        "POST", "/v1/channels", {"name": f"of {user.handle}", "visibility": "private"}
    )
    for n in range(3):
        await user.rest("POST", f"/v1/channels/{channel['id']}/messages", {"text": f"secret {n}"})


async def test_two_people_find_nothing_of_each_other_and_no_error_of_ours(
    cluster: ChatCluster, tmp_path: Path
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    for user in (ann, bob):
        await private_things(user)
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    people = {"auth": [entry("ann", ann), entry("bob", bob)]}
    (tmp_path / "people.json").write_text(json.dumps(people))
    left_out = [word for path in LEFT_OUT for word in ("--exclude-path", path)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run"),
        f"{cluster.hosts[0].url}/v1/openapi.json",
        *("--checks", CHECKS, "--max-examples", str(EXAMPLES), "--seed", str(SEED)),
        *("--phases", "examples,fuzzing,stateful", "--no-color", *left_out),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, said.decode()[-20_000:]
