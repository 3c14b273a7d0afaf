"""Administration over HTTP, on real servers and two hosts."""

import secrets
from typing import Any

import pytest
from aiohttp import WSMsgType
from support.chat_hosts import AUTH_SECRET, PASSWORD, ChatCluster, User
from support.polling import until

from streamhub.cluster.clock import SystemClock
from streamhub.cluster.mailing import mail_queue
from streamhub.domain.access import Role
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits

USERS = "/v1/admin/users"
CALLS = [
    ("GET", USERS),
    ("POST", USERS),
    ("GET", f"{USERS}/{{id}}"),
    ("PATCH", f"{USERS}/{{id}}"),
    ("DELETE", f"{USERS}/{{id}}"),
    ("POST", f"{USERS}/{{id}}/suspend"),
    ("POST", f"{USERS}/{{id}}/activate"),
    ("POST", f"{USERS}/{{id}}/reset-password"),
    ("POST", f"{USERS}/{{id}}/revoke-sessions"),
    ("GET", "/v1/admin/audit"),
    ("POST", "/v1/admin/audit/verify"),
]


async def someone(cluster: ChatCluster, role: Role = "user") -> User:
    user = await cluster.user()
    if role != "user":
        await PostgresAccountEdits(cluster.pool).edit(UserId(user.id), AccountEdit(role=role), [])
    return user


async def call(by: User, method: str, path: str, body: object = None) -> tuple[int, Any]:
    """Status and body; b"" for none."""
    url = f"{by.cluster.hosts[0].url}{path}"
    headers = {"Authorization": f"Bearer {by.token}"}
    async with by.cluster.http.request(method, url, json=body, headers=headers) as answer:
        read = await answer.read()
        return answer.status, (await answer.json(content_type=None)) if read else b""


async def log_in(cluster: ChatCluster, login: str, password: str) -> tuple[int, Any]:
    body = {"login": login, "password": password}
    async with cluster.http.post(f"{cluster.hosts[0].url}/v1/auth/login", json=body) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize(("method", "path"), CALLS)
async def test_others_than_administrators_are_refused(
    cluster: ChatCluster, method: str, path: str
) -> None:
    ann, moderator, bob = [
        await someone(cluster, role) for role in ("user", "moderator", "moderator")
    ]
    for by in (ann, moderator):
        status, problem = await call(by, method, path.format(id=bob.id))
        assert (status, problem["code"]) == (403, "forbidden")
    url = f"{cluster.hosts[0].url}{path.format(id=bob.id)}"
    async with cluster.http.request(method, url) as answer:
        assert answer.status == 401


async def test_accounts_are_listed_by_what_is_asked_page_by_page(cluster: ChatCluster) -> None:
    admin, mark = await someone(cluster, "admin"), secrets.token_hex(5)
    made = []
    for number in range(3):
        wanted = {"handle": f"{mark}{number}", "name": "Cid", "password": PASSWORD}
        status, account = await call(admin, "POST", USERS, wanted)
        assert status == 201
        made.append(account)
    status, page = await call(admin, "GET", f"{USERS}?text={mark}&limit=2")
    assert status == 200
    assert page["items"] == made[:2]
    _, rest = await call(admin, "GET", f"{USERS}?text={mark}&limit=2&cursor={page['next_cursor']}")
    assert rest == {"items": made[2:]}
    _, none = await call(admin, "GET", f"{USERS}?text={mark}&role=admin")
    assert none == {"items": []}
    for query in ("limit=0", "role=boss", "status=x", "cursor=x", "what=1", "limit=1&limit=2"):
        status, problem = await call(admin, "GET", f"{USERS}?{query}")
        assert (status, problem["status"]) == (400, 400), query


async def test_an_account_that_was_made_can_sign_in(cluster: ChatCluster) -> None:
    admin, handle = await someone(cluster, "admin"), f"n{secrets.token_hex(5)}"
    wanted = {
        "handle": handle,
        "name": "Cid",
        "email": f"{handle}@example.org",
        "role": "moderator",
        "password": PASSWORD,
    }
    status, account = await call(admin, "POST", USERS, wanted)
    assert status == 201
    assert account == {
        "id": account["id"],
        "handle": handle,
        "name": "Cid",
        "email": f"{handle}@example.org",
        "email_confirmed": False,
        "role": "moderator",
        "status": "active",
        "kind": "person",
        "created_at": account["created_at"],
    }
    status, granted = await log_in(cluster, handle, PASSWORD)
    assert (status, granted["user"]["role"]) == (200, "moderator")
    assert (await call(admin, "POST", USERS, wanted))[0] == 409
    for wrong in ({"id": account["id"]}, {"status": "suspended"}, {"role": "boss"}):
        assert (await call(admin, "POST", USERS, {**wanted, **wrong}))[0] == 400


async def test_a_changed_role_counts_at_once_and_the_id_does_not_change(
    cluster: ChatCluster,
) -> None:
    admin, bob = await someone(cluster, "admin"), await someone(cluster)
    assert (await call(bob, "GET", USERS))[0] == 403
    status, account = await call(admin, "PATCH", f"{USERS}/{bob.id}", {"role": "admin"})
    assert (status, account["role"]) == (200, "admin")

    async def may() -> bool:
        return (await call(bob, "GET", f"{USERS}?limit=1"))[0] == 200

    await until(may)
    for wrong in ({"id": admin.id}, {"status": "active"}, {"password": PASSWORD}):
        status, problem = await call(admin, "PATCH", f"{USERS}/{bob.id}", wrong)
        assert (status, problem["code"]) == (400, "unknown_field")


async def test_a_suspended_account_reads_and_writes_no_more(cluster: ChatCluster) -> None:
    moderator, bob = await someone(cluster, "moderator"), await someone(cluster)
    status, shown = await call(moderator, "POST", f"{USERS}/{bob.id}/suspend", {"note": "spam"})
    assert (status, shown) == (
        200,
        {
            "id": bob.id,
            "handle": bob.handle,
            "name": bob.handle.title(),
            "status": "suspended",
            "status_note": "spam",
        },
    )
    channel = {"name": "x", "visibility": "public"}

    async def refused() -> bool:
        _, answer = await call(bob, "POST", "/v1/channels", channel)
        return bool(answer.get("code") == "suspended")

    await until(refused)
    assert (await call(bob, "GET", "/v1/channels"))[0] == 200
    assert (await call(moderator, "POST", f"{USERS}/{bob.id}/activate"))[0] == 200

    async def allowed() -> bool:
        return (await call(bob, "POST", "/v1/channels", channel))[0] == 201

    await until(allowed)


@pytest.mark.parametrize("act", ["delete", "revoke-sessions"])
async def test_sockets_on_every_host_end_with_the_sessions(cluster: ChatCluster, act: str) -> None:
    admin, bob = await someone(cluster, "admin"), await someone(cluster)
    sockets = [await bob.connect(host) for host in cluster.hosts]
    if act == "delete":
        status, body = await call(admin, "DELETE", f"{USERS}/{bob.id}")
    else:
        status, body = await call(admin, "POST", f"{USERS}/{bob.id}/revoke-sessions")
    assert (status, body) == (204, b"")
    for socket in sockets:
        assert (await socket.ws.receive(10)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)
    assert (await call(bob, "GET", "/v1/me"))[0] == 401
    assert (await log_in(cluster, bob.handle, PASSWORD))[0] == (401 if act == "delete" else 200)
    _, account = await call(admin, "GET", f"{USERS}/{bob.id}")
    if act == "delete":
        assert account["name"] == "Deleted account"
        assert bob.handle not in str(account)


async def test_a_reset_is_a_link_in_a_mail_to_the_owner(cluster: ChatCluster) -> None:
    admin, bob = await someone(cluster, "admin"), await someone(cluster)
    status, body = await call(admin, "POST", f"{USERS}/{bob.id}/reset-password")
    assert (status, body) == (202, b"")
    queue = mail_queue(cluster.pool, AUTH_SECRET, SystemClock())
    (mail,) = [
        kept.mail
        for kept in await queue.kept(50)
        if (kept.mail.to, kept.mail.kind) == (f"{bob.handle}@example.org", "password_reset")
    ]
    link = mail.text.partition("#")[2].split()[0]
    new = {"link": link, "password": "another horse battery"}
    url = f"{cluster.hosts[0].url}/v1/auth/reset/confirm"
    async with cluster.http.post(url, json=new) as answer:
        assert answer.status == 204
    assert (await log_in(cluster, bob.handle, "another horse battery"))[0] == 200


async def test_the_audit_log_tells_who_did_what_and_its_chain_holds(
    cluster: ChatCluster,
) -> None:
    admin, bob = await someone(cluster, "admin"), await someone(cluster)
    await call(admin, "PATCH", f"{USERS}/{bob.id}", {"role": "moderator"})
    await call(admin, "POST", f"{USERS}/{bob.id}/suspend")
    audit = "/v1/admin/audit"
    status, page = await call(admin, "GET", f"{audit}?actor={admin.id}&target={bob.id}&limit=1")
    assert status == 200
    (newest,) = page["items"]
    assert (newest["kind"], newest["address"]) == ("account.suspended", "127.0.0.1")
    assert newest["request_id"]
    cursor = page["next_cursor"]
    _, older = await call(admin, "GET", f"{audit}?actor={admin.id}&target={bob.id}&cursor={cursor}")
    (change,) = older["items"]
    assert (change["kind"], change["detail"]) == ("account.role_changed", "user to moderator")
    assert "next_cursor" not in older

    status, verdict = await call(admin, "POST", f"{audit}/verify")
    assert (status, verdict["ok"]) == (200, True)
    anchor = {"number": change["number"], "hash": change["hash"]}
    _, anchored = await call(admin, "POST", f"{audit}/verify", {"anchor": anchor})
    assert anchored["ok"]
    _, other = await call(
        admin, "POST", f"{audit}/verify", {"anchor": {**anchor, "hash": "0" * 64}}
    )
    assert (other["ok"], other["broken"][0]["number"]) == (False, change["number"])
    for query in ("cursor=x", "cursor=9999999999999999999999", "limit=x", "kind=a%20b"):
        assert (await call(admin, "GET", f"{audit}?{query}"))[0] == 400
    for body in ({"anchor": {"number": 0, "hash": "0" * 64}}, {"anchor": {"number": 1}}):
        assert (await call(admin, "POST", f"{audit}/verify", body))[0] == 400
