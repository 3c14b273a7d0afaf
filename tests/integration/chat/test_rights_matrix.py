"""Who may do what, for every route there is: role x object x operation, from the tables."""

import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from support.chat_hosts import ChatCluster, User
from support.rights import PUBLIC, RIGHT_OF, WAYS_IN

from streamhub.domain.access import RIGHTS, ROLES, SCOPES, Role, Status
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.audit import AuditEvent
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import (
    CHANNEL,
    FILE,
    FOLDER,
    JOB,
    LINK,
    MESSAGE,
    RANDOM_BYTES,
    REPORT,
    TOKEN,
    UPLOAD,
    USER,
    VERSION,
    UserId,
    make_id,
)
from streamhub.domain.personal_tokens import PersonalToken, digest_of, text_of
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.personal_tokens import PostgresPersonalTokens

NOW = 1_764_000_000_000
Route = tuple[str, str]


def routes_of(cluster: ChatCluster) -> set[Route]:
    """What the application answers to; HEAD is GET without a body."""
    return {
        (route.method, route.path)  # type: ignore[attr-defined]
        for route in cluster.hosts[0].chat.routes
        if route.method != "HEAD"  # type: ignore[attr-defined]
    } | {("GET", "/v1/server")}


async def test_every_route_has_a_row_in_the_table_of_rights(cluster: ChatCluster) -> None:
    assert routes_of(cluster) == PUBLIC | set(RIGHT_OF)
    assert set(RIGHT_OF.values()) <= set(RIGHTS)


def test_nothing_is_public_but_ways_in() -> None:
    assert {path for _, path in PUBLIC} <= WAYS_IN


@dataclass
class Answer:
    """What a client sees, without what differs from request to request."""

    status: int
    body: Any

    @property
    def code(self) -> str:
        problem = self.status >= 400 and isinstance(self.body, dict)
        return str(self.body.get("code", "")) if problem else ""

    @property
    def detail(self) -> str:
        return str(self.body.get("detail", "")) if isinstance(self.body, dict) else ""


async def ask(
    cluster: ChatCluster, route: Route, token: str | None, names: Mapping[str, str], body: object
) -> Answer:
    method, path = route
    path = re.sub(r"{(\w+)}", lambda found: names[found[1]], path)
    headers = {"Tus-Resumable": "1.0.0"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    given = None if method in ("GET", "DELETE") else body
    async with cluster.http.request(
        method, f"{cluster.hosts[0].url}{path}", json=given, headers=headers
    ) as answer:
        said = await answer.json(content_type=None) if await answer.read() else None
        if isinstance(said, dict):
            said.pop("request_id", None)
        return Answer(answer.status, said)


def nothing() -> dict[str, str]:
    """Well-formed names of things there are not."""

    def unknown(prefix: str) -> str:
        return make_id(prefix, NOW, secrets.token_bytes(RANDOM_BYTES))

    return {
        "channel": unknown(CHANNEL),
        "schedule": unknown(JOB),
        "message": unknown(MESSAGE),
        "user": unknown(USER),
        "id": unknown(USER),
        "bot": unknown(USER),
        "session": unknown(TOKEN),
        "token": unknown(TOKEN),
        "invitation": unknown(TOKEN),
        "report": unknown(REPORT),
        "file": unknown(FILE),
        "version": unknown(VERSION),
        "reader": unknown(USER),
        "folder": unknown(FOLDER),
        "link": unknown(LINK),
        "upload": unknown(UPLOAD),
        "reaction": "x",
    }


async def became(cluster: ChatCluster, role: Role = "user", status: Status = "active") -> User:
    user = await cluster.user()
    edit = AccountEdit(role=role, status=status)
    await PostgresAccountEdits(cluster.pool).edit(UserId(user.id), edit, [])
    return user


async def personal_token(cluster: ChatCluster, user: User, scopes: frozenset[str]) -> str:
    text = text_of(secrets.token_bytes(32))
    digest = digest_of(text)
    assert digest is not None
    owner = UserId(user.id)
    token = PersonalToken(
        id=FamilyId(make_id(TOKEN, NOW, secrets.token_bytes(RANDOM_BYTES))),
        user=owner,
        made_by=owner,
        name="x",
        scopes=scopes,
        created_at=NOW,
    )
    event = AuditEvent(at=NOW, kind="token.created", actor=owner, target=token.id)
    await PostgresPersonalTokens(cluster.pool).add(token, digest, event)
    return text


async def test_nobody_uses_a_route_without_a_token(cluster: ChatCluster) -> None:
    for route in RIGHT_OF:
        answer = await ask(cluster, route, None, nothing(), {})
        assert (answer.status, answer.code) == (401, "unauthenticated"), route


def stopped(answer: Answer) -> str:
    """What the table of rights said no to, or nothing: other rules come later."""
    if answer.code == "suspended":
        return "suspended"
    if answer.code == "forbidden" and answer.detail.startswith("the token was not made"):
        return "scope"
    if answer.code == "forbidden" and answer.detail.startswith("this takes the role"):
        return "role"
    return "unauthenticated" if answer.status == 401 and "closed" in answer.detail else ""


@pytest.mark.parametrize("role", ROLES)
async def test_roles_do_what_the_table_says(cluster: ChatCluster, role: Role) -> None:
    user = await became(cluster, role)
    for route, operation in RIGHT_OF.items():
        if operation in ENDS_THE_SESSION:
            continue
        answer = await ask(cluster, route, user.token, nothing(), {})
        allowed = ROLES.index(role) >= ROLES.index(RIGHTS[operation].least)
        assert stopped(answer) == ("" if allowed else "role"), (route, answer)
        assert answer.status < 500, route


@pytest.mark.parametrize("role", ROLES)
async def test_the_suspended_read_and_put_themselves_in_order(
    cluster: ChatCluster, role: Role
) -> None:
    user = await became(cluster, role, "suspended")
    for route, operation in RIGHT_OF.items():
        right = RIGHTS[operation]
        if operation in ENDS_THE_SESSION or ROLES.index(role) < ROLES.index(right.least):
            continue
        answer = await ask(cluster, route, user.token, nothing(), {})
        assert stopped(answer) == ("suspended" if right.writes else ""), (route, answer)


@pytest.mark.parametrize("scope", sorted(SCOPES))
async def test_a_token_does_what_its_scope_says(cluster: ChatCluster, scope: str) -> None:
    token = await personal_token(cluster, await became(cluster, "admin"), frozenset({scope}))
    for route, operation in RIGHT_OF.items():
        answer = await ask(cluster, route, token, nothing(), {})
        assert stopped(answer) == ("" if RIGHTS[operation].scope == scope else "scope"), route


ENDS_THE_SESSION = frozenset({"account.delete", "account.deactivate"})


# Objects: what is another's looks like what is not there


@dataclass
class Things:
    """What somebody has, and a stranger must not tell from nothing."""

    owner: User
    names: dict[str, str]


async def things(cluster: ChatCluster) -> Things:
    owner, member = await cluster.user(), await cluster.user()
    made = {"name": secrets.token_hex(4), "visibility": "private"}
    _, channel = await owner.rest("POST", "/v1/channels", made)
    sent = f"/v1/channels/{channel['id']}/messages"
    _, message = await owner.rest("POST", sent, {"text": "private"})
    await owner.rest("POST", f"/v1/channels/{channel['id']}/members", {"users": [member.id]})
    _, sessions = await owner.rest("GET", "/v1/me/sessions")
    token = await personal_token(cluster, owner, frozenset({"chat:read"}))
    digest = digest_of(token)
    assert digest is not None
    bearer = await PostgresPersonalTokens(cluster.pool).bearer(digest, NOW)
    assert bearer is not None
    names = {
        **nothing(),
        "channel": channel["id"],
        "message": message["id"],
        "reaction": "x",
        "user": member.id,
        "session": sessions["items"][0]["id"],
        "token": bearer.token.id,
    }
    return Things(owner, names)


BODIES: Mapping[str, Mapping[str, object]] = {
    "file.rename": {"name": "x"},
    "message.send": {"text": "intruder"},
    "message.edit": {"text": "intruder"},
    "thread.read": {"seq": 1},
    "thread.follow": {"following": True},
    "channel.read": {"seq": 1},
    "channel.mark_unread": {"seq": 1},
    "member.add": {"users": []},
    "member.update": {"role": "owner"},
    "message.report": {"reason": "spam"},
    "draft.set": {"text": "intruder"},
    "schedule.create": {"text": "intruder", "send_at": int(time.time() * 1000) + 3_600_000},
    "schedule.update": {"text": "intruder"},
    "channel.notify": {"level": "none"},
    "token.create": {"name": "x", "scopes": ["chat:read"]},
}


@pytest.mark.parametrize("role", ROLES)
async def test_what_is_anothers_looks_like_what_is_not_there(
    cluster: ChatCluster, role: Role
) -> None:
    theirs, stranger = await things(cluster), await became(cluster, role)
    checked = 0
    for route, operation in RIGHT_OF.items():
        objects = set(re.findall(r"{(\w+)}", route[1])) - {"id", "report"}  # of the whole site
        if not objects:
            continue
        body = dict(BODIES.get(operation, {}))
        if operation == "member.add":
            body["users"] = [stranger.id]
        query = "?rev=0" if operation == "channel.sync" else ""
        asked = (route[0], route[1] + query)
        found = await ask(cluster, asked, stranger.token, theirs.names, body)
        missing = await ask(cluster, asked, stranger.token, nothing(), body)
        assert (found.status, found.code, found.detail) == (
            missing.status,
            missing.code,
            missing.detail,
        ), (route, found, missing)
        if operation != "typing.start":  # nobody is told whether anybody heard
            assert found.status == 404, (route, found)
        checked += 1
    assert checked >= 13
    _, messages = await theirs.owner.rest("GET", f"/v1/channels/{theirs.names['channel']}/messages")
    assert [item["text"] for item in messages["items"]] == ["private"]
    _, sessions = await theirs.owner.rest("GET", "/v1/me/sessions")
    assert len(sessions["items"]) == 1
