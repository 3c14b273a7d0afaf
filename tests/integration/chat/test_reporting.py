"""Reporting messages: by whoever sees them, closed by the site's moderators."""

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, User

from streamhub.client import StreamHubClient
from streamhub.domain.access import Role
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.audit import AuditQuery
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.protocol import frames, reports
from streamhub.protocol.codec import Codec


async def moderator(cluster: ChatCluster, role: Role = "moderator") -> User:
    user = await cluster.user()
    await PostgresAccountEdits(cluster.pool).edit(UserId(user.id), AccountEdit(role=role), [])
    return user


async def said(ann: User, bob: User, text: str = "buy this") -> tuple[str, str]:
    """The channel and the message, which both see."""
    _, made = await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "private"})
    path = f"/v1/channels/{made['id']}"
    await ann.rest("POST", f"{path}/members", {"users": [bob.id]})
    _, sent = await ann.rest("POST", f"{path}/messages", {"text": text})
    return str(made["id"]), str(sent["id"])


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_message_is_reported_and_deleted(cluster: ChatCluster, codec: Codec) -> None:
    ann, bob, eve = await cluster.user(), await cluster.user(), await moderator(cluster)
    channel, message = await said(ann, bob)
    his = await bob.connect(cluster.hosts[1], codec=codec)
    report = reports.MessageReport(channel=channel, message=message, reason="spam", note="again")
    for _ in range(2):
        assert (await his.command("message.report", report)).problem is None
    await ann.rest("PATCH", f"/v1/channels/{channel}/messages/{message}", {"text": "I never"})
    _, page = await eve.rest("GET", "/v1/admin/reports?limit=200")
    (found,) = (one for one in page["items"] if one["message"] == message)
    assert (found["text"], found["reporter"], found["author"]) == ("buy this", bob.id, ann.id)
    assert (found["reason"], found["note"], "closed_at" in found) == ("spam", "again", False)
    path = f"/v1/admin/reports/{found['id']}/close"
    status, closed = await eve.rest("POST", path, {"outcome": "deleted", "note": "so it was"})
    assert (status, closed["closed_by"], closed["outcome"]) == (200, eve.id, "deleted")
    event = await his.event("message.deleted")
    assert isinstance(event.body, frames.MessageEvent)
    assert event.body.message.id == message
    status, problem = await eve.rest("POST", path, {"outcome": "dismissed"})
    assert (status, problem["code"]) == (409, "conflict")
    _, page = await eve.rest("GET", "/v1/admin/reports?state=closed&limit=200")
    assert closed in page["items"]
    entries = await PostgresAuditLog(cluster.pool).entries(AuditQuery(target=found["id"]))
    assert [(one.kind, one.actor) for one in entries] == [("report.closed", eve.id)]
    gone = await his.command("message.report", report)
    assert gone.problem is not None
    assert gone.problem.code == "gone"
    await his.close()


async def test_what_the_author_deleted_meanwhile_is_closed_as_deleted(
    cluster: ChatCluster,
) -> None:
    ann, bob, eve = await cluster.user(), await cluster.user(), await moderator(cluster, "admin")
    channel, message = await said(ann, bob)
    path = f"/v1/channels/{channel}/messages/{message}"
    assert (await bob.rest("POST", f"{path}/reports", {"reason": "abuse"}))[0] == 200
    await ann.rest("DELETE", path)
    await ann.rest("POST", f"/v1/channels/{channel}/leave")
    _, page = await eve.rest("GET", "/v1/admin/reports?limit=200")
    (found,) = (one for one in page["items"] if one["message"] == message)
    close = f"/v1/admin/reports/{found['id']}/close"
    assert (await eve.rest("POST", close, {"outcome": "deleted"}))[0] == 200


async def test_only_what_one_sees_is_reported_and_only_moderators_read_it(
    cluster: ChatCluster,
) -> None:
    ann, bob, stranger = [await cluster.user() for _ in range(3)]
    channel, message = await said(ann, bob)
    path = f"/v1/channels/{channel}/messages/{message}/reports"
    status, problem = await stranger.rest("POST", path, {"reason": "spam"})
    assert (status, problem["code"]) == (404, "not_found")
    for body, field in (({}, "reason"), ({"reason": "spam", "note": "x" * 501}, "note")):
        status, problem = await bob.rest("POST", path, body)
        assert (status, problem["field"]) == (400, field)
    for method, admin in (("GET", ""), ("POST", "/rp_01kc3v9m5zqfyw8h2n4rj6t7ab/close")):
        status, problem = await bob.rest(method, f"/v1/admin/reports{admin}")
        assert (status, problem["code"]) == (403, "forbidden")
    eve = await moderator(cluster)
    missing = "/v1/admin/reports/rp_01kc3v9m5zqfyw8h2n4rj6t7ab/close"
    assert (await eve.rest("POST", missing, {"outcome": "handled"}))[0] == 404


async def test_the_sdk_reports(cluster: ChatCluster) -> None:
    ann, bob, eve = await cluster.user(), await cluster.user(), await moderator(cluster)
    channel, message = await said(ann, bob)
    url = cluster.hosts[0].url
    async with StreamHubClient(url, login=bob.handle, password=PASSWORD) as client:
        await client.report_message(channel, message, "other", "look")
    _, page = await eve.rest("GET", "/v1/admin/reports?limit=200")
    assert [one["note"] for one in page["items"] if one["message"] == message] == ["look"]
