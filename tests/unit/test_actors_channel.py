"""The channel's owner: nothing before the commit, answers before news, keys for ever."""

from typing import Any

import pytest
from support.actor_bench import HERE

from streamhub.actors.channel import ChannelActor
from streamhub.actors.context import Token
from streamhub.actors.ring import RingBudget
from streamhub.domain.changes import (
    Change,
    Committed,
    Declined,
    Hint,
    MembersJoined,
    MembersLeft,
    MessageCreated,
    MessageUpdated,
    NotStored,
    Repeated,
    Unchanged,
)
from streamhub.domain.channels import Channel, Head, Loaded, Member, Message, Visibility
from streamhub.domain.drafts import (
    BanDraft,
    Delete,
    Draft,
    Edit,
    JoinDraft,
    LeaveDraft,
    MemberDraft,
    MessageDraft,
    React,
    RevisionDraft,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import ChannelId, MessageId, UserId
from streamhub.domain.messages import (
    MOVED,
    UNKNOWN,
    AddMembers,
    Answer,
    BanMembers,
    Done,
    MembersChanged,
    Post,
    Problem,
    Receipt,
    RemoveMembers,
    Revise,
    Revised,
    TakeHint,
    Typing,
    TypingStarted,
    inbox_actor,
)

ALICE, BOB, CAROL = UserId("us_alice"), UserId("us_bob"), UserId("us_carol")
GENERAL = ChannelId("ch_general")
TOPIC = f"channel:{GENERAL}"


class Stage:
    """A channel actor whose effects are written down, in order, as they would be performed."""

    def __init__(
        self, *members: UserId, visibility: Visibility = "public", noted_members: int = 0
    ) -> None:
        self.budget = RingBudget()
        self.done: list[tuple[Any, ...]] = []
        self.stores: list[tuple[Draft, Any, Any]] = []
        self.tokens = 0
        self.head = Head(term=3, rev=10, seq=5, nth=5)
        channel = Channel(
            id=GENERAL,
            kind="channel",
            visibility=visibility,
            created_by=ALICE,
            created_at=0,
            rev=1,
        )
        self.loaded = Loaded(
            channel=channel,
            head=self.head,
            members=tuple(
                Member(user=user, role="owner" if user == ALICE else "member", joined_at=0, rev=1)
                for user in members
            ),
        )
        self.actor = ChannelActor(self.loaded, self.budget, noted_members=noted_members)

    def send(self, message: Any) -> None:
        self.actor.handle(message, self)

    def refused(self, message: Any) -> tuple[str, str]:
        with pytest.raises(Refused) as caught:
            self.send(message)
        return caught.value.code, caught.value.detail

    def commit(self, *, hints: tuple[Hint, ...] = ()) -> Change:
        """The oldest draft is committed."""
        draft, then, _ = self.stores.pop(0)
        counts = isinstance(draft, MessageDraft)
        self.head = Head(
            term=draft.term,
            rev=self.head.rev + 1,
            seq=self.head.seq + counts,
            nth=self.head.nth + counts,
        )
        change = changed(draft, self.head)
        then(Committed(change=change, head=self.head, hints=hints), self)
        return change

    def fail(self, failure: NotStored) -> None:
        self.stores.pop(0)[2](failure, self)

    def keys(self) -> list[str]:
        """Of the messages that wait for their commit."""
        return [draft.key for draft, _, _ in self.stores if isinstance(draft, MessageDraft)]

    def answers(self) -> list[Answer]:
        return [what[-1] for what in self.done if what[0] in ("reply", "answer")]

    # -- the context --------------------------------------------------------------------------

    now_ms = 1_000

    def new_id(self, prefix: str) -> str:
        self.tokens += 1
        return f"{prefix}_{self.tokens}"

    def reply(self, answer: Answer) -> None:
        self.done.append(("reply", answer))

    def take_reply(self) -> Token:
        self.tokens += 1
        return Token(HERE, self.tokens)

    def answer(self, token: Token, answer: Answer) -> None:
        self.done.append(("answer", token, answer))

    def tell(self, to: Any, message: Any) -> None:
        self.done.append(("tell", to, message))

    def publish(self, event: Any, term: int = 0) -> None:
        self.done.append(("publish", event, term))

    def store(self, draft: Draft, then: Any, failed: Any) -> None:
        self.stores.append((draft, then, failed))

    def drop(self) -> None:
        self.done.append(("drop",))

    def ask(self, *args: Any) -> None:
        raise AssertionError("a channel asks nobody")

    run = timer = ask


def changed(draft: Draft, head: Head) -> Change:
    if isinstance(draft, MessageDraft):
        message = Message(
            id=draft.id,
            channel=GENERAL,
            seq=head.seq,
            nth=head.nth,
            rev=head.rev,
            author=draft.author,
            text=draft.text,
            created_at=draft.created_at,
        )
        return MessageCreated(channel=GENERAL, rev=head.rev, message=message, key=draft.key)
    assert isinstance(draft, JoinDraft | LeaveDraft)
    joined = isinstance(draft, JoinDraft)
    members = tuple(
        Member(
            user=user,
            role="member",
            joined_at=0,
            rev=head.rev,
            left_at=None if joined else draft.at,
        )
        for user in draft.users
    )
    kind = MembersJoined if joined else MembersLeft
    return kind(channel=GENERAL, rev=head.rev, members=members)


def post(
    text: str = "hi",
    *,
    by: UserId = ALICE,
    key: str = "k",
    digest: bytes = b"1",
    after: str | None = None,
) -> Post:
    return Post(author=by, key=key, digest=digest, text=text, after=after)


# -- posting  ------------------------------------------------------------


def test_nothing_is_seen_before_the_commit() -> None:
    stage = Stage(ALICE)
    stage.send(post())
    assert stage.done == []
    assert stage.actor.standing(TOPIC, 10).rev == 10
    stage.commit()
    assert stage.actor.standing(TOPIC, 10).rev == 11


def test_the_answer_comes_before_the_news_and_has_the_numbers_of_the_commit() -> None:
    stage = Stage(ALICE)
    stage.send(post())
    change = stage.commit()
    [answer, news] = stage.done
    assert answer[0] == "answer"
    assert isinstance(answer[2], Receipt)
    assert (answer[2].seq, answer[2].nth, answer[2].rev) == (6, 6, 11)
    assert news == ("publish", change, 3)


def test_the_same_key_while_the_first_is_stored_waits_for_it() -> None:
    stage = Stage(ALICE)
    stage.send(post())
    stage.send(post())
    assert len(stage.stores) == 1
    stage.commit()
    first, second = stage.answers()
    assert first == second
    assert isinstance(first, Receipt)


def test_the_same_key_later_gets_the_first_answer_again() -> None:
    stage = Stage(ALICE)
    stage.send(post())
    stage.commit()
    stage.send(post())
    assert stage.stores == []
    first, again = stage.answers()
    assert first == again


@pytest.mark.parametrize("committed", [False, True])
def test_the_same_key_for_another_body_is_refused(committed: bool) -> None:
    stage = Stage(ALICE)
    stage.send(post())
    if committed:
        stage.commit()
    assert stage.refused(post("other", digest=b"2"))[0] == "key_reused"


def test_a_key_is_its_authors() -> None:
    stage = Stage(ALICE, BOB)
    stage.send(post())
    stage.send(post(by=BOB, digest=b"2"))
    assert len(stage.stores) == 2


@pytest.mark.parametrize(("digest", "code"), [(b"1", None), (b"2", "key_reused")])
def test_a_key_that_only_the_store_remembers_gives_the_first_message(
    digest: bytes, code: str | None
) -> None:
    stage = Stage(ALICE)
    stage.send(post(digest=digest))
    draft, then, _ = stage.stores.pop()
    first = changed(draft, Head(term=1, rev=4, seq=2, nth=2))
    assert isinstance(first, MessageCreated)
    then(Repeated(message=first.message, digest=b"1"), stage)
    [answer] = stage.answers()
    assert getattr(answer, "code", None) == code
    assert stage.actor.standing(TOPIC, 10).rev == 10, "nothing new was committed"
    assert [what for what in stage.done if what[0] == "publish"] == []


@pytest.mark.parametrize(
    ("reason", "code", "dropped"),
    [
        ("stale", "moved", True),
        ("unknown", "unknown", True),
        ("unavailable", "unavailable", True),
        ("refused", "bad_request", False),
    ],
)
def test_what_was_not_stored_is_answered_and_may_be_sent_again(
    reason: Any, code: str, dropped: bool
) -> None:
    stage = Stage(ALICE)
    stage.send(post())
    stage.fail(NotStored(reason=reason))
    [answer] = stage.answers()
    assert isinstance(answer, Problem)
    assert answer.code == code
    assert (("drop",) in stage.done) is dropped
    stage.send(post())
    assert len(stage.stores) == 1


def test_a_post_is_taken_only_after_the_one_it_names() -> None:
    stage = Stage(ALICE)
    stage.send(post(key="second", after="first"))
    assert stage.answers() == [MOVED]
    assert stage.stores == []
    stage.send(post(key="first"))
    stage.send(post(key="second", after="first"))
    assert stage.keys() == ["first", "second"]
    stage.commit()
    stage.send(post(key="third", after="first"))
    assert stage.keys() == ["second", "third"]


def test_what_is_answered_without_a_commit_says_so() -> None:
    assert (MOVED.again, UNKNOWN.again) == (True, True)


# -- revising  ------------------------------------------------------------


def edit(message: str = "me_1", *, by: UserId = ALICE) -> Revise:
    return Revise(by=by, message=MessageId(message), operation=Edit(text="new"))


def edited(head: Head, message: str = "me_1") -> MessageUpdated:
    stored = changed(
        MessageDraft(
            channel=GENERAL,
            term=head.term,
            id=MessageId(message),
            author=ALICE,
            key="k",
            digest=b"",
            text="new",
            created_at=0,
        ),
        head,
    )
    assert isinstance(stored, MessageCreated)
    return MessageUpdated(channel=GENERAL, rev=head.rev, message=stored.message)


def test_revisions_that_became_one_change_are_published_once() -> None:
    stage = Stage(ALICE, BOB)
    reaction = React(kind="+", on=True)
    for user in (ALICE, BOB):
        stage.send(Revise(by=user, message=MessageId("me_1"), operation=reaction))
    stage.send(edit("me_2"))
    together = edited(Head(term=3, rev=11, seq=5, nth=5))
    other = edited(Head(term=3, rev=12, seq=5, nth=5), "me_2")
    assert stage.done == []
    (_, one, _), (_, two, _), (_, three, _) = stage.stores
    one(Committed(change=together, head=Head(term=3, rev=11, seq=5, nth=5)), stage)
    three(Committed(change=other, head=Head(term=3, rev=12, seq=5, nth=5)), stage)
    two(Committed(change=together, head=Head(term=3, rev=11, seq=5, nth=5)), stage)
    assert stage.answers() == [Done(), Revised(message=other.message), Done()]
    published = [what[1] for what in stage.done if what[0] == "publish"]
    assert published == [together, other]
    assert stage.actor.standing(TOPIC, 10).changes == (together, other)


def test_what_is_so_already_is_answered_and_nobody_is_told() -> None:
    stage = Stage(ALICE)
    stage.send(edit())
    message = edited(stage.head).message
    stage.stores.pop()[1](Unchanged(message=message), stage)
    assert stage.answers() == [Revised(message=message)]
    assert len(stage.done) == 1


def test_what_a_stored_message_says_no_to_is_a_problem() -> None:
    stage = Stage(ALICE)
    stage.send(edit())
    stage.stores.pop()[1](Declined(code="gone", detail="x", field="message"), stage)
    assert stage.answers() == [Problem(code="gone", detail="x", field="message")]
    assert ("drop",) not in stage.done


def test_a_revision_says_what_its_author_may_do_and_see() -> None:
    stage = Stage(ALICE, BOB)
    stage.send(edit(by=BOB))
    stage.send(Revise(by=BOB, message=MessageId("me_1"), operation=Delete(), moderates=True))
    drafts = [draft for draft, _, _ in stage.stores if isinstance(draft, RevisionDraft)]
    assert [(draft.by, draft.moderates) for draft in drafts] == [(BOB, False), (BOB, True)]


@pytest.mark.parametrize("reason", ["stale", "unknown", "unavailable"])
def test_a_revision_that_was_not_stored_may_be_sent_again(reason: Any) -> None:
    stage = Stage(ALICE)
    stage.send(edit())
    stage.fail(NotStored(reason=reason))
    [answer] = stage.answers()
    assert isinstance(answer, Problem)
    assert answer.again
    assert ("drop",) in stage.done


# -- rights  ------------------------------------------------------------


def test_to_a_stranger_a_private_channel_is_none() -> None:
    stage = Stage(ALICE, visibility="private")
    commands = [
        post(by=CAROL),
        AddMembers(by=CAROL, users=(CAROL,)),
        AddMembers(by=CAROL, users=(BOB,)),
        RemoveMembers(by=CAROL, users=(ALICE,)),
        edit(by=CAROL),
        Typing(user=CAROL),
    ]
    refusals = {stage.refused(command) for command in commands}
    assert len(refusals) == 1
    assert next(iter(refusals))[0] == "not_found"
    assert stage.done == []


def test_a_member_is_one_from_the_commit_on() -> None:
    stage = Stage(ALICE)
    stage.send(AddMembers(by=BOB, users=(BOB,)))
    assert stage.refused(post(by=BOB))[0] == "not_a_member"
    change = stage.commit()
    [answer, news] = stage.done
    assert answer[2] == MembersChanged(rev=11, members=change.members)  # type: ignore[union-attr]
    assert news == ("publish", change, 3)
    stage.send(post(by=BOB))


def test_who_was_removed_posts_no_more() -> None:
    stage = Stage(ALICE, BOB)
    stage.send(RemoveMembers(by=ALICE, users=(BOB,)))
    stage.commit()
    assert stage.refused(post(by=BOB))[0] == "not_a_member"


def test_a_member_does_not_remove_an_owner() -> None:
    stage = Stage(ALICE, BOB)
    assert stage.refused(RemoveMembers(by=BOB, users=(ALICE,)))[0] == "forbidden"


def test_what_needs_no_change_is_answered_at_once() -> None:
    stage = Stage(ALICE, BOB)
    stage.send(AddMembers(by=ALICE, users=(BOB,)))
    stage.send(RemoveMembers(by=ALICE, users=(CAROL,)))
    assert stage.answers() == [MembersChanged(rev=10, members=())] * 2
    assert stage.stores == []


def test_each_user_is_named_once_in_a_draft() -> None:
    stage = Stage(ALICE, BOB)
    stage.send(AddMembers(by=ALICE, users=(CAROL, CAROL, BOB)))
    stage.send(RemoveMembers(by=ALICE, users=(BOB, BOB)))
    joins, leaves = (draft for draft, _, _ in stage.stores)
    assert isinstance(joins, JoinDraft)
    assert isinstance(leaves, LeaveDraft)
    assert (joins.users, leaves.users) == ((CAROL,), (BOB,))


@pytest.mark.parametrize(("visibility", "floor"), [("public", 0), ("private", None)])
def test_the_history_of_a_private_channel_begins_with_joining(
    visibility: Visibility, floor: int | None
) -> None:
    stage = Stage(ALICE, visibility=visibility)
    stage.send(AddMembers(by=ALICE, users=(BOB,)))
    draft = stage.stores[0][0]
    assert isinstance(draft, JoinDraft)
    assert draft.floor_seq == floor


def test_a_join_that_another_made_meanwhile_changes_nothing() -> None:
    stage = Stage(ALICE)
    stage.send(AddMembers(by=BOB, users=(BOB,)))
    _, then, _ = stage.stores.pop()
    nothing = MembersJoined(channel=GENERAL, rev=10, members=())
    then(Committed(change=nothing, head=stage.head), stage)
    assert stage.answers() == [MembersChanged(rev=10, members=())]
    assert len(stage.done) == 1


@pytest.mark.parametrize(
    ("message", "kind", "users"),
    [
        (AddMembers(by=CAROL, users=(CAROL,)), "joined", (CAROL,)),
        (AddMembers(by=ALICE, users=(CAROL, BOB)), "added", (CAROL,)),
        (RemoveMembers(by=BOB, users=(BOB,)), "left", (BOB,)),
        (RemoveMembers(by=ALICE, users=(BOB, CAROL)), "removed", (BOB,)),
        (BanMembers(by=ALICE, users=(BOB, CAROL), on=True), "removed", (BOB,)),
    ],
)
def test_the_history_of_a_small_channel_says_who_comes_and_goes(
    message: AddMembers | RemoveMembers | BanMembers, kind: str, users: tuple[UserId, ...]
) -> None:
    stage = Stage(ALICE, BOB, noted_members=3)
    stage.send(message)
    draft = stage.stores[0][0]
    assert isinstance(draft, JoinDraft | LeaveDraft | BanDraft)
    assert draft.note is not None
    assert (draft.note.author, draft.note.note.kind) == (message.by, kind)
    assert draft.note.note.users == users


@pytest.mark.parametrize(
    "message",
    [
        BanMembers(by=ALICE, users=(CAROL,), on=True),
        BanMembers(by=ALICE, users=(BOB,), on=False),
    ],
    ids=["of a stranger", "ended"],
)
def test_a_ban_that_makes_nobody_go_is_not_in_the_history(message: BanMembers) -> None:
    stage = Stage(ALICE, BOB, noted_members=3)
    stage.send(message)
    draft = stage.stores[0][0]
    assert isinstance(draft, MemberDraft) or (isinstance(draft, BanDraft) and draft.note is None)


def test_a_crowd_that_comes_at_once_is_not_in_the_history() -> None:
    """Nothing is committed meanwhile: those count who are on their way in."""
    stage = Stage(ALICE, noted_members=3)
    for number in range(4):
        user = UserId(f"us_{number}")
        stage.send(AddMembers(by=user, users=(user,)))
    notes = [draft.note for draft, _, _ in stage.stores if isinstance(draft, JoinDraft)]
    assert [note is not None for note in notes] == [True, True, False, False]
    stage.commit()
    stage.fail(NotStored(reason="refused"))
    stage.commit()
    stage.commit()
    stage.send(RemoveMembers(by=ALICE, users=(UserId("us_0"),)))
    assert isinstance(leave := stage.stores[-1][0], LeaveDraft)
    assert leave.note is None, "there are four of them"
    stage.commit()
    stage.send(RemoveMembers(by=ALICE, users=(UserId("us_2"),)))
    assert isinstance(leave := stage.stores[-1][0], LeaveDraft)
    assert leave.note is not None, "who did not come is not on the way"


# -- what else it tells  ------------------------------------------------------------


def test_hints_are_told_after_the_news() -> None:
    stage = Stage(ALICE, BOB)
    hint = Hint(number=1, user=BOB, kind="mentioned", channel=GENERAL)
    stage.send(post("hi @bob"))
    stage.commit(hints=(hint,))
    assert [what[0] for what in stage.done] == ["answer", "publish", "tell"]
    assert stage.done[2] == ("tell", inbox_actor(BOB), TakeHint(hint=hint))


def test_typing_is_passed_on() -> None:
    stage = Stage(ALICE)
    stage.send(Typing(user=ALICE))
    assert stage.done == [("publish", TypingStarted(channel=GENERAL, user=ALICE), 0)]


def test_it_stands_where_it_was_loaded_and_gives_what_came_since() -> None:
    stage = Stage(ALICE)
    assert stage.actor.standing(TOPIC, 10).changes == ()
    assert stage.actor.standing(TOPIC, 9).changes is None
    changes = []
    for key in ("1", "2", "3"):
        stage.send(post(key=key))
        changes.append(stage.commit())
    standing = stage.actor.standing(TOPIC, 11)
    assert (standing.term, standing.rev, standing.changes) == (3, 13, tuple(changes[1:]))
    assert stage.actor.standing(TOPIC, 14).changes is None, "it never was there"


def test_closed_it_gives_its_memory_back() -> None:
    stage = Stage(ALICE)
    stage.send(post())
    stage.commit()
    assert stage.budget.used_bytes > 0
    stage.actor.closed()
    assert stage.budget.used_bytes == 0
