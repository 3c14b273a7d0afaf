"""Scheduled sends: over sockets in both encodings, over REST, by the SDK; on two hosts."""

import asyncio
import time
from typing import Any

import pytest
from support.chat_hosts import JSON, MSGPACK, PASSWORD, ChatCluster, User
from support.faulty_hosts import room
from support.polling import until

from streamhub.client import ScheduleUpdated, StreamHubClient
from streamhub.domain.account_edits import AccountEdit
from streamhub.domain.ids import UserId
from streamhub.persistence.account_edits import PostgresAccountEdits
from streamhub.protocol import frames, scheduling
from streamhub.protocol.codec import Codec
from streamhub.protocol.received import reply_body

HOUR_MS = 3_600_000


def in_an_hour() -> int:
    return int(time.time() * 1000) + HOUR_MS


async def make_due(cluster: ChatCluster, *ids: str) -> None:
    """As if their time had come."""
    now_ms = int(time.time() * 1000)
    due = "UPDATE scheduled SET send_at = $2, due_at = $2 WHERE id = ANY($1)"
    await cluster.pool.execute(due, list(ids), now_ms)


async def texts(user: User, channel: str) -> list[str]:
    _, page = await user.rest("GET", f"/v1/channels/{channel}/messages?after=0&limit=200")
    return [one["text"] for one in page["items"]]


async def plan(user: User, channel: str, text: str = "later", **more: object) -> dict[str, Any]:
    body = {"channel": channel, "text": text, "send_at": in_an_hour(), **more}
    status, made = await user.rest("POST", "/v1/schedule", body)
    assert status == 201, made
    assert isinstance(made, dict)
    return made


async def ended(user: User, id: str, cluster: ChatCluster) -> str:
    """The state it comes to."""

    async def state() -> str | None:
        found = "SELECT state FROM scheduled WHERE id = $1 AND state IN ('sent', 'failed')"
        got: str | None = await cluster.pool.fetchval(found, id)
        return got

    return str(await until(state))


@pytest.mark.parametrize("codec", [MSGPACK, JSON], ids=["msgpack", "json"])
async def test_a_message_goes_at_its_time_and_all_devices_know(
    cluster: ChatCluster, codec: Codec
) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await room(ann, bob)
    desk, phone = [await ann.connect(host, codec=codec) for host in cluster.hosts]
    his = await bob.connect(cluster.hosts[1], codec=codec)
    text = f"good morning @{bob.handle}"
    body = scheduling.ScheduleCreate(channel=channel, text=text, send_at=in_an_hour())
    reply = await desk.command("schedule.create", body, key="once")
    made = reply_body("schedule.create", reply.body)
    assert isinstance(made, scheduling.ScheduledObject)
    assert (made.state, made.text, made.send_at) == ("pending", text, body.send_at)
    assert made.id.startswith("jo_")
    assert (await phone.event("schedule.updated")).body == made
    again = await phone.command("schedule.create", body, key="once")
    assert reply_body("schedule.create", again.body) == made
    changing = scheduling.ScheduleUpdate(schedule=made.id, text=f"evening @{bob.handle}")
    changed = reply_body("schedule.update", (await phone.command("schedule.update", changing)).body)
    assert isinstance(changed, scheduling.ScheduledObject)
    assert changed.text == changing.text
    while (told := (await desk.event("schedule.updated")).body) != changed:
        assert told == made
    await make_due(cluster, made.id)
    heard = (await his.event("message.created")).body
    assert isinstance(heard, frames.MessageEvent)
    assert (heard.message.author, heard.message.text) == (ann.id, changing.text)
    assert [one.user for one in heard.message.entities] == [bob.id]
    for socket in (desk, phone):
        while True:
            sent = (await socket.event("schedule.updated")).body
            assert isinstance(sent, scheduling.ScheduledObject)
            if sent.state == "sent":
                break
        assert (sent.message, sent.text) == (heard.message.id, "")
    listed = await desk.command("schedule.list", scheduling.ScheduleList())
    assert reply_body("schedule.list", listed.body) == scheduling.ScheduledPage(items=())
    assert not [event for event in his.seen if event.name == "schedule.updated"], "it is her own"
    for socket in (desk, phone, his):
        await socket.close()


async def test_rest_does_the_same(cluster: ChatCluster) -> None:
    ann, stranger = await cluster.user(), await cluster.user()
    channel, other = await room(ann), await room(ann)
    key = {"Idempotency-Key": "once"}
    body = {"channel": channel, "text": "a", "send_at": in_an_hour()}
    first = await ann.rest("POST", "/v1/schedule", body, headers=key)
    assert first[0] == 201
    assert await ann.rest("POST", "/v1/schedule", body, headers=key) == first
    status, problem = await ann.rest("POST", "/v1/schedule", {**body, "text": "b"}, headers=key)
    assert (status, problem["code"]) == (409, "key_reused")
    await plan(ann, other, "b", send_at=in_an_hour() + 5)
    _, page = await ann.rest("GET", "/v1/schedule?limit=1")
    _, rest = await ann.rest("GET", f"/v1/schedule?limit=1&cursor={page['next_cursor']}")
    assert [one["text"] for one in page["items"] + rest["items"]] == ["a", "b"]
    _, there = await ann.rest("GET", f"/v1/schedule?channel={other}")
    assert [one["text"] for one in there["items"]] == ["b"]
    path = f"/v1/schedule/{first[1]['id']}"
    assert (await ann.rest("PATCH", path, {"text": "c"}))[1]["text"] == "c"
    for asked in (("PATCH", path, {"text": "mine"}), ("DELETE", path)):
        status, problem = await stranger.rest(*asked)
        assert (status, problem["code"]) == (404, "not_found")
    for _ in range(2):
        status, gone = await ann.rest("DELETE", path)
        assert (status, gone["state"]) == (200, "cancelled")
    status, problem = await ann.rest("PATCH", path, {"text": "d"})
    assert (status, problem["code"]) == (409, "conflict")
    assert (await stranger.rest("GET", "/v1/schedule"))[1] == {"items": []}


async def test_what_is_scheduled_is_checked(cluster: ChatCluster) -> None:
    ann, stranger = await cluster.user(), await cluster.user()
    channel, now_ms = await room(ann), int(time.time() * 1000)
    good = {"channel": channel, "text": "a", "send_at": now_ms + HOUR_MS}
    for change, code, field in (
        ({"send_at": now_ms + 5_000}, "bad_request", "send_at"),
        ({"send_at": now_ms + 121 * 24 * HOUR_MS}, "bad_request", "send_at"),
        ({"text": ""}, "bad_request", "text"),
        ({"text": "\u0000"}, "invalid_text", "text"),
        ({"thread": "me_" + "0" * 26}, "not_found", "thread"),
        ({"channel": "ch_" + "0" * 26}, "not_found", "channel"),
    ):
        _, problem = await ann.rest("POST", "/v1/schedule", {**good, **change})
        assert (problem["code"], problem["field"]) == (code, field), problem
    _, made = await ann.rest("POST", "/v1/schedule", good)
    _, problem = await ann.rest("PATCH", f"/v1/schedule/{made['id']}", {"send_at": now_ms})
    assert (problem["code"], problem["field"]) == ("bad_request", "send_at")
    assert "10 seconds to 120 days" in problem["detail"]
    status, problem = await stranger.rest("POST", "/v1/schedule", good)
    assert (status, problem["code"]) == (404, "not_found")
    await ann.rest("POST", f"/v1/channels/{channel}/archive", {"archived": True})
    status, problem = await ann.rest("POST", "/v1/schedule", good)
    assert (status, problem["code"]) == (409, "channel_archived")


async def test_what_one_may_no_longer_do_fails_and_is_listed_until_dismissed(
    cluster: ChatCluster,
) -> None:
    ann, bob, eve = [await cluster.user() for _ in range(3)]
    channel, other = await room(ann, bob, eve), await room(ann, bob)
    left, archived, suspended = (
        await plan(bob, channel),
        await plan(bob, other),
        await plan(eve, channel),
    )
    socket = await bob.connect()
    await ann.rest("PUT", f"/v1/channels/{channel}/bans/{bob.id}")
    await ann.rest("POST", f"/v1/channels/{other}/archive", {"archived": True})
    edits = PostgresAccountEdits(cluster.pool)
    await edits.edit(UserId(eve.id), AccountEdit(status="suspended"), [])
    await make_due(cluster, left["id"], archived["id"], suspended["id"])
    for user, job in ((bob, left), (bob, archived), (eve, suspended)):
        assert await ended(user, job["id"], cluster) == "failed"
    codes = {}
    for _ in range(2):
        event = (await socket.event("schedule.updated")).body
        assert isinstance(event, scheduling.ScheduledObject)
        codes[event.id] = event.code
    assert codes == {left["id"]: "not_found", archived["id"]: "channel_archived"}
    _, page = await bob.rest("GET", "/v1/schedule")
    assert {one["id"]: (one["code"], one["text"]) for one in page["items"]} == {
        left["id"]: ("not_found", "later"),
        archived["id"]: ("channel_archived", "later"),
    }
    assert page["items"][0]["detail"]
    await bob.rest("DELETE", f"/v1/schedule/{left['id']}")
    assert len((await bob.rest("GET", "/v1/schedule"))[1]["items"]) == 1
    assert (await eve.rest("GET", "/v1/schedule"))[1]["items"][0]["code"] == "suspended"
    assert await texts(ann, channel) == []
    await socket.close()


async def test_two_hosts_that_both_send_send_each_once_and_in_order(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    channels = [await room(ann) for _ in range(3)]
    ids = []
    for number in range(30):
        ids.append((await plan(ann, channels[number % 3], f"{number}"))["id"])
    await make_due(cluster, *ids)
    senders = [host.chat.sends for host in cluster.hosts] * 2
    for _ in range(40):
        await asyncio.gather(*(sender.send_due() for sender in senders))
    for id in ids:
        assert await ended(ann, id, cluster) == "sent"
    for first, channel in enumerate(channels):
        assert await texts(ann, channel) == [f"{n}" for n in range(first, 30, 3)]


async def test_a_reply_and_a_silent_message_go_as_such(cluster: ChatCluster) -> None:
    ann, bob = await cluster.user(), await cluster.user()
    channel = await room(ann, bob)
    _, root = await ann.rest("POST", f"/v1/channels/{channel}/messages", {"text": "root"})
    reply = await plan(ann, channel, "a reply", thread=root["id"])
    silent = await plan(ann, channel, "hush", silent=True)
    await make_due(cluster, reply["id"], silent["id"])
    for job in (reply, silent):
        assert await ended(ann, job["id"], cluster) == "sent"
    socket = await bob.connect()
    (overview,) = [one for one in socket.ready.channels if one.id == channel]
    assert (overview.last_seq, overview.unread) == (3, 1), "only the root"
    _, replies = await bob.rest("GET", f"/v1/channels/{channel}/messages?thread={root['id']}")
    assert [one["text"] for one in replies["items"]] == ["a reply"]
    await socket.close()


async def test_jobs_go_with_the_account(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    await plan(ann, await room(ann))
    count = "SELECT count(*) FROM scheduled WHERE user_id = $1"
    assert await cluster.pool.fetchval(count, ann.id) == 1
    url, mine = f"{cluster.hosts[0].url}/v1/me/delete", {"Authorization": f"Bearer {ann.token}"}
    proof = {"current_password": PASSWORD}
    async with cluster.http.post(url, json=proof, headers=mine) as answer:
        assert answer.status == 204
    assert await cluster.pool.fetchval(count, ann.id) == 0


async def test_the_sdk_schedules_and_hears(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    channel = await room(ann)
    urls = [host.url for host in cluster.hosts]
    async with (
        StreamHubClient(urls[0], login=ann.handle, password=PASSWORD) as desk,
        StreamHubClient(urls[1], login=ann.handle, password=PASSWORD) as phone,
    ):
        made = await desk.schedule(channel, "hm", in_an_hour())
        async for event in phone.events():
            if isinstance(event, ScheduleUpdated):
                break
        assert event == ScheduleUpdated(made)
        assert (await phone.scheduled(channel)).items == (made,)
        moved = await phone.reschedule(made.id, text="hm?", send_at=made.send_at + 1)
        assert (moved.text, moved.send_at) == ("hm?", made.send_at + 1)
        assert (await desk.cancel_scheduled(made.id)).state == "cancelled"
        assert (await desk.scheduled()).items == ()
