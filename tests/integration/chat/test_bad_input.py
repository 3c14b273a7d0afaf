"""Bad input over REST is refused with a problem that has a name, whatever is wrong with it."""

import io
from typing import Any

import pytest
from support.chat_hosts import ChatCluster, User

BODIES = {
    "no JSON": (b"name=general", "bad_request", 400),
    "nothing": (b"", "bad_request", 400),
    "half of it": (b'{"name":"general"', "bad_request", 400),
    "no object": (b'["general"]', "bad_request", 400),
    "a key twice": (b'{"name":"a","name":"b","visibility":"public"}', "bad_request", 400),
    "a key twice, once escaped": (
        b'{"name":"a","n\\u0061me":"b","visibility":"public"}',
        "bad_request",
        400,
    ),
    "no number": (b'{"name":NaN,"visibility":"public"}', "bad_request", 400),
    "no UTF-8": (b'{"name":"\xff","visibility":"public"}', "bad_request", 400),
    "too deep": (b'{"name":' + b"[" * 100_000, "bad_request", 400),
    "too many values": (b"[" + b"1," * 100_000 + b"1]", "bad_request", 400),
    "another type": (b'{"name":1,"visibility":"public"}', "bad_request", 400),
    "a field of nobody's": (
        b'{"name":"a","visibility":"public","created_by":"me"}',
        "unknown_field",
        400,
    ),
    "half a surrogate": (b'{"name":"\\ud800","visibility":"public"}', "invalid_text", 400),
    "a control character": (b'{"name":"a\\u0000","visibility":"public"}', "invalid_text", 400),
    "too large": (b" " * 1_100_000, "too_large", 413),
}


async def sent(
    user: User, method: str, path: str, body: bytes = b"", *headers: tuple[str, str]
) -> tuple[int, dict[str, Any]]:
    given = [("Authorization", f"Bearer {user.token}"), *headers]
    url = f"{user.cluster.hosts[0].url}{path}"
    async with user.cluster.http.request(
        method, url, data=io.BytesIO(body), headers=given
    ) as answer:
        return answer.status, await answer.json(content_type="application/problem+json")


@pytest.mark.parametrize(("body", "code", "status"), BODIES.values(), ids=BODIES.keys())
async def test_a_bad_body_is_refused_by_name(
    cluster: ChatCluster, body: bytes, code: str, status: int
) -> None:
    found, problem = await sent(await cluster.user(), "POST", "/v1/channels", body)
    assert (found, problem["code"]) == (status, code)
    assert problem["request_id"]


async def test_what_comes_twice_is_refused(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    good = b'{"name":"general","visibility":"public"}'
    keys = (("Idempotency-Key", "one"), ("Idempotency-Key", "two"))
    for wrong in (
        await sent(ann, "GET", "/v1/channels?limit=1&limit=2"),
        await sent(ann, "GET", "/v1/users?handle=ann&handle=bob"),
        await sent(ann, "POST", "/v1/channels", good, *keys),
    ):
        assert (wrong[0], wrong[1]["code"]) == (400, "bad_request")
    twice = await sent(ann, "GET", "/v1/channels", b"", ("Authorization", "Bearer other"))
    assert (twice[0], twice[1]["code"]) == (401, "unauthenticated")


async def test_what_the_path_says_or_nobody_knows_is_refused(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    channel = (await ann.rest("POST", "/v1/channels", {"name": "a", "visibility": "public"}))[1]
    path = f"/v1/channels/{channel['id']}/messages"
    for method, wrong, body in (
        ("GET", f"{path}?channel=ch_other", b""),
        ("GET", f"{path}?colour=red", b""),
        ("POST", path, b'{"channel":"ch_other","text":"x"}'),
    ):
        status, problem = await sent(ann, method, wrong, body)
        assert (status, problem["code"]) == (400, "unknown_field")
        assert problem["field"] in ("channel", "colour")


async def test_a_compressed_body_and_an_unsound_key_are_named(cluster: ChatCluster) -> None:
    ann = await cluster.user()
    status, problem = await sent(
        ann, "POST", "/v1/channels", b"\x1f\x8b", ("Content-Encoding", "gzip")
    )
    assert (status, problem["code"], problem["field"]) == (
        415,
        "unsupported_type",
        "Content-Encoding",
    )
    body = b'{"name":"a","visibility":"public"}'
    status, problem = await sent(ann, "POST", "/v1/channels", body, ("Idempotency-Key", "x" * 65))
    assert (status, problem["code"], problem["field"]) == (400, "bad_request", "Idempotency-Key")
