"""The bytes of the link, pinned: hosts of two versions speak it during a rolling upgrade.

A change here is a change of the wire. New kinds and new last fields with defaults are allowed; for
anything else raise `WIRE` and have newer hosts speak both (transport/link_handshake.py).
"""

import typing

import msgspec
import pytest

from streamhub.domain.changes import MessageCreated
from streamhub.domain.channels import Member, Mention, Message, Overview
from streamhub.domain.envelopes import (
    Answered,
    Ask,
    Away,
    Changed,
    Digest,
    Envelope,
    Interest,
    Listening,
    NoInterest,
    NotOwner,
    Passed,
    Standing,
    Tell,
)
from streamhub.domain.ids import ChannelId, HostId, MessageId, UserId
from streamhub.domain.messages import (
    ChannelAdded,
    MembersChanged,
    Post,
    PresenceUpdated,
    Problem,
    Receipt,
    Typing,
    TypingStarted,
    channel_actor,
)
from streamhub.domain.presence import Status
from streamhub.transport import link_handshake
from streamhub.transport.link_batches import Encoder, envelopes_of

CHANNEL, ANN, BOB = ChannelId("ch_1"), UserId("us_ann"), UserId("us_bob")
MENTION = Mention(user=BOB, offset=0, length=3)
CHANGE = MessageCreated(
    channel=CHANNEL,
    rev=8,
    message=Message(
        id=MessageId("ms_1"),
        channel=CHANNEL,
        seq=5,
        nth=4,
        rev=8,
        author=ANN,
        text="bob",
        created_at=1000,
        mentions=(MENTION,),
    ),
    key="k1",
)
POST = Post(author=ANN, key="k1", digest=b"\x01\x02", text="bob", mentions=(MENTION,))
OVERVIEW = Overview(
    id=CHANNEL,
    kind="channel",
    name="lunch",
    role="member",
    rev=9,
    seq=5,
    nth=4,
    read_seq=3,
    read_nth=2,
    mentions=1,
)
MEMBER = Member(user=BOB, role="member", joined_at=1000, rev=9)

PRESENCE = PresenceUpdated(user=ANN, state="dnd", status=Status(text="busy", expires_at=1000))

GOLDEN: dict[str, tuple[Envelope, str]] = {
    "ask": (
        Ask(to=channel_actor(CHANNEL), number=7, within_ms=5000, message=POST),
        "970192a76368616e6e656ca463685f3107cd138886a474797065a4706f7374a6617574686f72a675"
        "735f616e6ea36b6579a26b31a6646967657374c4020102a474657874a3626f62a86d656e74696f6e"
        "739183a475736572a675735f626f62a66f666673657400a66c656e6774680300a0",
    ),
    "ask, forwarded": (
        Ask(
            to=channel_actor(CHANNEL), number=7, within_ms=5000, message=POST, hops=1, origin="ho_a"
        ),
        "970192a76368616e6e656ca463685f3107cd138886a474797065a4706f7374a6617574686f72a675"
        "735f616e6ea36b6579a26b31a6646967657374c4020102a474657874a3626f62a86d656e74696f6e"
        "739183a475736572a675735f626f62a66f666673657400a66c656e6774680301a4686f5f61",
    ),
    "answered, receipt": (
        Answered(
            number=7, answer=Receipt(id=MessageId("ms_1"), seq=5, nth=4, rev=8, created_at=1000)
        ),
        "93020786a474797065a772656365697074a26964a46d735f31a373657105a36e746804a372657608"
        "aa637265617465645f6174cd03e8",
    ),
    "answered, members": (
        Answered(number=7, answer=MembersChanged(rev=9, members=(MEMBER,))),
        "93020783a474797065a76d656d62657273a372657609a76d656d626572739184a475736572a67573"
        "5f626f62a4726f6c65a66d656d626572a96a6f696e65645f6174cd03e8a372657609",
    ),
    "answered, problem": (
        Answered(number=7, answer=Problem(code="moved", retry_after_ms=50, again=True)),
        "93020784a474797065a770726f626c656da4636f6465a56d6f766564ae72657472795f6166746572"
        "5f6d7332a5616761696ec3",
    ),
    "tell": (
        Tell(to=channel_actor(CHANNEL), message=Typing(user=ANN)),
        "930392a76368616e6e656ca463685f3182a474797065a6747970696e67a475736572a675735f616e6e",
    ),
    "changed": (
        Changed(topic="channel:ch_1", term=3, change=CHANGE),
        "9404ac6368616e6e656c3a63685f310385a474797065af6d6573736167652e63726561746564a763"
        "68616e6e656ca463685f31a372657608a76d657373616765de0009a26964a46d735f31a76368616e"
        "6e656ca463685f31a373657105a36e746804a372657608a6617574686f72a675735f616e6ea47465"
        "7874a3626f62aa637265617465645f6174cd03e8a86d656e74696f6e739183a475736572a675735f"
        "626f62a66f666673657400a66c656e67746803a36b6579a26b31",
    ),
    "passed": (
        Passed(topic="channel:ch_1", event=TypingStarted(channel=CHANNEL, user=ANN)),
        "9305ac6368616e6e656c3a63685f3183a474797065ae747970696e672e73746172746564a7636861"
        "6e6e656ca463685f31a475736572a675735f616e6e",
    ),
    "passed, channel added": (
        Passed(topic="inbox:us_ann", event=ChannelAdded(overview=OVERVIEW)),
        "9305ac696e626f783a75735f616e6e82a474797065ad6368616e6e656c2e6164646564a86f766572"
        "766965778fa26964a463685f31a46b696e64a76368616e6e656ca46e616d65a56c756e6368a4726f"
        "6c65a66d656d626572a372657609a373657105a36e746804a8726561645f73657103a8726561645f"
        "6e746802a86d656e74696f6e7301a9666c6f6f725f73657100a5757365727390aa68696464656e5f"
        "6e7468c0a66e6f74696679c0ac6e6f746966795f756e74696cc0",
    ),
    "interest": (
        Interest(topics=(("channel:ch_1", 7), ("inbox:us_ann", -1))),
        "92069292ac6368616e6e656c3a63685f310792ac696e626f783a75735f616e6eff",
    ),
    "no interest": (
        NoInterest(topics=("channel:ch_1",)),
        "920791ac6368616e6e656c3a63685f31",
    ),
    "listening": (
        Listening(
            topics=(
                Standing(topic="channel:ch_1", term=3, rev=8, changes=(CHANGE,)),
                Standing(topic="channel:ch_2"),
            )
        ),
        "92089295ac6368616e6e656c3a63685f3103089185a474797065af6d6573736167652e6372656174"
        "6564a76368616e6e656ca463685f31a372657608a76d657373616765de0009a26964a46d735f31a7"
        "6368616e6e656ca463685f31a373657105a36e746804a372657608a6617574686f72a675735f616e"
        "6ea474657874a3626f62aa637265617465645f6174cd03e8a86d656e74696f6e739183a475736572"
        "a675735f626f62a66f666673657400a66c656e67746803a36b6579a26b31c095ac6368616e6e656c"
        "3a63685f3200ffc0c0",
    ),
    "listening, presence": (
        Listening(topics=(Standing(topic="presence:us_ann", presence=PRESENCE),)),
        "92089195af70726573656e63653a75735f616e6e00ffc084a474797065b070726573656e63652e75"
        "706461746564a475736572a675735f616e6ea57374617465a3646e64a673746174757382a4746578"
        "74a462757379aa657870697265735f6174cd03e8",
    ),
    "not owner": (
        NotOwner(topics=("channel:ch_1",), version=12),
        "930991ac6368616e6e656c3a63685f310c",
    ),
    "digest": (
        Digest(topics=(("channel:ch_1", 8),)),
        "920a9192ac6368616e6e656c3a63685f3108",
    ),
    "away": (
        Away(topics=("inbox:us_ann",), away=True),
        "930b91ac696e626f783a75735f616e6ec3",
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_an_envelope_has_these_bytes(name: str) -> None:
    envelope, golden = GOLDEN[name]
    assert Encoder().encode(envelope).hex() == golden


@pytest.mark.parametrize("name", GOLDEN)
def test_these_bytes_are_understood(name: str) -> None:
    envelope, golden = GOLDEN[name]
    assert envelopes_of(b"\x91" + bytes.fromhex(golden)) == [envelope]


def test_where_a_topic_stands_is_understood_as_older_hosts_send_it() -> None:
    older = (
        "92089294ac6368616e6e656c3a63685f3103089185a474797065af6d6573736167652e6372656174"
        "6564a76368616e6e656ca463685f31a372657608a76d657373616765de0009a26964a46d735f31a7"
        "6368616e6e656ca463685f31a373657105a36e746804a372657608a6617574686f72a675735f616e"
        "6ea474657874a3626f62aa637265617465645f6174cd03e8a86d656e74696f6e739183a475736572"
        "a675735f626f62a66f666673657400a66c656e67746803a36b6579a26b3194ac6368616e6e656c3a"
        "63685f3200ffc0"
    )
    listening, _ = GOLDEN["listening"]
    assert envelopes_of(b"\x91" + bytes.fromhex(older)) == [listening]


def test_a_post_with_every_field_is_understood_as_older_hosts_send_it() -> None:
    older = (
        "970192a76368616e6e656ca463685f3107cd138889a474797065a4706f7374a6617574686f72a675"
        "735f616e6ea36b6579a26b31a6646967657374c4020102a474657874a3626f62a86d656e74696f6e"
        "739183a475736572a675735f626f62a66f666673657400a66c656e67746803a6746872656164c0a5"
        "66696c657390a6636f756e7473c300a0"
    )
    ask, _ = GOLDEN["ask"]
    assert envelopes_of(b"\x91" + bytes.fromhex(older)) == [ask]


def test_every_kind_of_envelope_is_pinned() -> None:
    pinned = {type(envelope) for envelope, _ in GOLDEN.values()}
    assert pinned == set(typing.get_args(Envelope))


def test_a_field_that_an_older_host_does_not_send_has_a_default() -> None:
    """Required are only the fields of version 1."""
    required = {
        kind.__name__: [field.name for field in msgspec.structs.fields(kind) if field.required]
        for kind in typing.get_args(Envelope)
    }
    assert required == {
        "Ask": ["to", "number", "within_ms", "message"],
        "Answered": ["number", "answer"],
        "Tell": ["to", "message"],
        "Changed": ["topic", "term", "change"],
        "Passed": ["topic", "event"],
        "Interest": ["topics"],
        "NoInterest": ["topics"],
        "Listening": ["topics"],
        "NotOwner": ["topics", "version"],
        "Digest": ["topics"],
        "Away": ["topics", "away"],
    }


def test_the_first_word_of_a_link_has_these_bytes() -> None:
    hello = link_handshake.Hello(
        lowest=1, highest=1, dialler=HostId("ho_a"), target=HostId("ho_b"), challenge=b"\x07"
    )
    assert msgspec.msgpack.encode(hello).hex() == (
        "85a66c6f7765737401a76869676865737401a76469616c6c6572a4686f5f61a6746172676574a468"
        "6f5f62a96368616c6c656e6765c40107"
    )


def test_a_message_with_a_short_header_is_understood_as_older_hosts_send_it() -> None:
    """Until there were more than 15 fields."""
    older = (
        "9404ac6368616e6e656c3a63685f310385a474797065af6d6573736167652e63726561746564a763"
        "68616e6e656ca463685f31a372657608a76d65737361676589a26964a46d735f31a76368616e6e65"
        "6ca463685f31a373657105a36e746804a372657608a6617574686f72a675735f616e6ea474657874"
        "a3626f62aa637265617465645f6174cd03e8a86d656e74696f6e739183a475736572a675735f626f"
        "62a66f666673657400a66c656e67746803a36b6579a26b31"
    )
    changed, _ = GOLDEN["changed"]
    assert envelopes_of(b"\x91" + bytes.fromhex(older)) == [changed]
