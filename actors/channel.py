"""The actor that orders one channel's changes and publishes them."""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

from streamhub.actors.context import Context, Token
from streamhub.actors.ring import Ring, RingBudget
from streamhub.actors.roster import Roster, SlowMode
from streamhub.domain.changes import (
    ChannelUpdated,
    Committed,
    Declined,
    MembersChange,
    MessageCreated,
    MessageDeleted,
    MessageUpdated,
    NotStored,
    Repeated,
    Settled,
    Unchanged,
)
from streamhub.domain.channels import MAX_SEEN, Loaded, Member, SystemNote, Wrote
from streamhub.domain.drafts import (
    BanDraft,
    Delete,
    Edit,
    ExpireDraft,
    InfoDraft,
    JoinDraft,
    LeaveDraft,
    MemberDraft,
    MembershipDraft,
    MessageDraft,
    NoteDraft,
    React,
    RevisionDraft,
)
from streamhub.domain.envelopes import Standing, Topic
from streamhub.domain.errors import Refused
from streamhub.domain.ids import MESSAGE, MessageId, UserId
from streamhub.domain.membership import (
    called_by,
    check_may_add,
    check_may_ban,
    check_may_listen,
    check_may_post,
    check_may_remove,
    check_may_revise,
    check_may_update,
    check_may_update_member,
    check_not_banned,
    check_not_muted,
    check_rules_fit,
    moderates,
)
from streamhub.domain.messages import (
    MOVED,
    UNKNOWN,
    AddMembers,
    Answer,
    BanMembers,
    ChannelChanged,
    Done,
    Expire,
    MembersChanged,
    Post,
    Problem,
    Receipt,
    RemoveMembers,
    Revise,
    Revised,
    Seen,
    SeenUpdated,
    TakeHint,
    Typing,
    TypingStarted,
    UpdateChannel,
    UpdateMember,
    channel_actor,
    inbox_actor,
)

_RECENT_LIMIT: Final = 512

Identity = tuple[UserId, str]


class ChannelActor:
    """Orders one channel's changes and publishes them to the hosts that listen.

    One owner per channel; an older one is fenced by its term at its next commit. An answer to
    Post means the message is committed. No answer means unknown: send again with the same key.
    Nobody sees a number, a text or a member that is not committed.
    """

    def __init__(self, loaded: Loaded, budget: RingBudget, *, noted_members: int = 0) -> None:
        """Up to `noted_members` the history says who joins and leaves."""
        self._channel = loaded.channel
        self._head = loaded.head
        self._roster = Roster(loaded)
        self._slow_mode = SlowMode(loaded.wrote)
        self._ring = Ring(budget, loaded.head.rev)
        self._recent: OrderedDict[Identity, tuple[bytes, Receipt]] = OrderedDict()
        self._noted_members = noted_members
        self._joining = 0
        self._pending: dict[Identity, tuple[bytes, list[Token]]] = {}

    def handle(self, message: Any, ctx: Context) -> None:
        self._handlers[type(message)](self, message, ctx)

    def closed(self) -> None:
        self._ring.clear()

    def standing(self, topic: Topic, since: int) -> Standing:
        """Where the channel stands, for a listener that holds `since`."""
        changes = self._ring.after(since)
        return Standing(topic=topic, term=self._head.term, rev=self._head.rev, changes=changes)

    # -- commands: decide -------------------------------------------------------------------

    def on_post(self, post: Post, ctx: Context) -> None:
        check_may_post(self._channel, self._members, post.author)
        identity = (post.author, post.key)
        if first := self._recent.get(identity):
            _check_same(first[0], post.digest)
            ctx.reply(first[1])
            return
        if waiting := self._pending.get(identity):
            _check_same(waiting[0], post.digest)
            waiting[1].append(ctx.take_reply())
            return
        if post.after is not None and not self._knows((post.author, post.after)):
            ctx.reply(MOVED)  # both were sent to the owner before, or the first one is on its way
            return
        member = self._members[post.author]
        check_not_muted(member, ctx.now_ms)
        called = called_by(self._channel, self._members, post.author, post.mentions)
        if self._channel.rules.slow_mode_s:
            writing = any(author == post.author for author, _ in self._pending)
            self._slow_mode.check(self._channel, member, post.key, ctx.now_ms, writing=writing)
        draft = MessageDraft(
            channel=self._channel.id,
            term=self._head.term,
            id=MessageId(ctx.new_id(MESSAGE)),
            author=post.author,
            key=post.key,
            digest=post.digest,
            text=post.text,
            created_at=ctx.now_ms,
            mentions=post.mentions,
            thread=post.thread,
            files=post.files,
            counts=post.counts,
            in_channel=post.in_channel,
            floor_seq=member.floor_seq,
            called=called,
            others=self._others(post.author),
            silent=post.silent,
        )
        ctx.store(
            draft,
            then=lambda outcome, ctx: self.on_posted(identity, outcome, ctx),
            failed=lambda failure, ctx: self.on_not_posted(identity, failure, ctx),
        )
        self._pending[identity] = (post.digest, [ctx.take_reply()])

    def on_revise(self, revise: Revise, ctx: Context) -> None:
        moderates_it, floor_seq = revise.officially, 0
        if not revise.officially:
            member = self._may_revise(revise, ctx.now_ms)
            moderates_it = revise.moderates or moderates(member.role)
            floor_seq = member.floor_seq
        draft = RevisionDraft(
            channel=self._channel.id,
            term=self._head.term,
            message=revise.message,
            by=revise.by,
            moderates=moderates_it,
            floor_seq=floor_seq,
            at=ctx.now_ms,
            operation=revise.operation,
        )
        token, brief = ctx.take_reply(), isinstance(revise.operation, React)
        ctx.store(
            draft,
            then=lambda outcome, ctx: self.on_revised(token, brief, outcome, ctx),
            failed=lambda failure, ctx: self.on_not_stored(token, failure, ctx),
        )

    def on_add(self, add: AddMembers, ctx: Context) -> None:
        check_may_add(self._channel, self._members, add.by, add.users)
        check_not_banned(self._roster.banned, add.by, add.users)
        users = tuple(user for user in dict.fromkeys(add.users) if user not in self._members)
        if not users:
            ctx.reply(MembersChanged(rev=self._head.rev, members=()))
            return
        draft = JoinDraft(
            channel=self._channel.id,
            term=self._head.term,
            users=users,
            role=add.role,
            at=ctx.now_ms,
            floor_seq=None if self._channel.seen_from_joining else 0,
            by=add.by,
            note=self._note("added", add.by, users, ctx),
        )
        self._store_members(draft, ctx)

    def on_remove(self, remove: RemoveMembers, ctx: Context) -> None:
        check_may_remove(
            self._channel,
            self._members,
            remove.by,
            remove.users,
            everywhere=remove.everywhere,
        )
        users = tuple(user for user in dict.fromkeys(remove.users) if user in self._members)
        if not users:
            ctx.reply(MembersChanged(rev=self._head.rev, members=()))
            return
        draft = LeaveDraft(
            channel=self._channel.id,
            term=self._head.term,
            users=users,
            at=ctx.now_ms,
            note=self._note("removed", remove.by, users, ctx),
        )
        self._store_members(draft, ctx)

    def on_ban(self, ban: BanMembers, ctx: Context) -> None:
        check_may_ban(self._channel, self._members, ban.by, ban.users, everywhere=ban.everywhere)
        channel, term, users = self._channel.id, self._head.term, ban.users
        if not ban.on:
            draft = MemberDraft(channel=channel, term=term, users=users, unban=True)
            self._store_members(draft, ctx)
            return
        present = tuple(user for user in dict.fromkeys(users) if user in self._members)
        note = self._note("removed", ban.by, present, ctx)
        self._store_members(
            BanDraft(channel=channel, term=term, users=users, at=ctx.now_ms, note=note), ctx
        )

    def on_update_member(self, update: UpdateMember, ctx: Context) -> None:
        check_may_update_member(
            self._channel,
            self._members,
            update.by,
            update.user,
            role=update.role,
            everywhere=update.everywhere,
        )
        draft = MemberDraft(
            channel=self._channel.id,
            term=self._head.term,
            users=(update.user,),
            role=update.role,
            muted_until=update.muted_until,
        )
        self._store_members(draft, ctx)

    def on_update(self, update: UpdateChannel, ctx: Context) -> None:
        check_may_update(
            self._channel,
            self._members,
            update.by,
            whole=update.archived is not None or not _OF_MODERATORS.issuperset(update.rules),
            everywhere=update.everywhere,
        )
        check_rules_fit(self._channel, update.rules)
        draft = InfoDraft(
            channel=self._channel.id,
            term=self._head.term,
            at=ctx.now_ms,
            name=update.name,
            topic=update.topic,
            archived=update.archived,
            rules=update.rules,
        )
        token = ctx.take_reply()
        ctx.store(
            draft,
            then=lambda outcome, ctx: self.on_updated(token, outcome, ctx),
            failed=lambda failure, ctx: self.on_not_stored(token, failure, ctx),
        )

    def on_expire(self, expire: Expire, ctx: Context) -> None:
        draft = ExpireDraft(channel=self._channel.id, term=self._head.term, before=expire.before)

        def then(outcome: Settled, ctx: Context) -> None:
            """Until there are none: each batch is one change."""
            gone_seq = self._channel.gone_seq
            self._take_properties(outcome, ctx)
            if self._channel.gone_seq > gone_seq:
                ctx.tell(channel_actor(self._channel.id), expire)

        ctx.store(draft, then, failed=lambda failure, ctx: self._give_up(failure, ctx))

    def on_typing(self, typing: Typing, ctx: Context) -> None:
        check_may_listen(self._channel, self._members, typing.user)
        check_not_muted(self._members[typing.user], ctx.now_ms)
        ctx.publish(TypingStarted(channel=self._channel.id, user=typing.user))

    def on_seen(self, seen: Seen, ctx: Context) -> None:
        if seen.user in self._members and len(self._members) <= MAX_SEEN:
            ctx.publish(SeenUpdated(channel=self._channel.id, user=seen.user, seq=seen.seq))

    # -- commits: apply ---------------------------------------------------------------------

    def on_posted(self, identity: Identity, outcome: Settled, ctx: Context) -> None:
        digest, tokens = self._pending.pop(identity)
        if isinstance(outcome, Declined):
            for token in tokens:
                ctx.answer(token, _declined(outcome))
            return
        assert isinstance(outcome, Committed | Repeated)
        if isinstance(outcome, Repeated):
            message, first_digest = outcome.message, outcome.digest
        else:
            message, first_digest = _message(outcome), digest
            wrote = Wrote(message.author, message.created_at, identity[1])
            self._slow_mode.take(self._channel, wrote)
        receipt = Receipt(
            id=message.id,
            seq=message.seq,
            nth=message.nth,
            rev=message.rev,
            created_at=message.created_at,
        )
        self._remember(identity, first_digest, receipt)
        answer = receipt if first_digest == digest else _KEY_REUSED
        for token in tokens:
            ctx.answer(token, answer)
        if isinstance(outcome, Committed):
            self._commit(outcome, ctx)

    def on_not_posted(self, identity: Identity, failure: NotStored, ctx: Context) -> None:
        _, tokens = self._pending.pop(identity)
        for token in tokens:
            ctx.answer(token, _PROBLEMS[failure.reason])
        self._give_up(failure, ctx)

    def on_revised(self, token: Token, brief: bool, outcome: Settled, ctx: Context) -> None:
        """Revisions of one message that were stored together have one change: the first of them
        makes it everybody's."""
        ctx.answer(token, _revised(outcome, brief))
        if isinstance(outcome, Committed) and outcome.change.rev > self._head.rev:
            self._commit(outcome, ctx)

    def on_members_changed(self, token: Token, outcome: Committed, ctx: Context) -> None:
        change = outcome.change
        assert isinstance(change, MembersChange)
        self._roster.take(change)
        ctx.answer(token, MembersChanged(rev=outcome.head.rev, members=change.members))
        if change.members:
            self._commit(outcome, ctx)

    def on_updated(self, token: Token, outcome: Settled, ctx: Context) -> None:
        assert isinstance(outcome, Committed)
        assert isinstance(outcome.change, ChannelUpdated)
        ctx.answer(token, ChannelChanged(channel=outcome.change.info))
        self._take_properties(outcome, ctx)

    def on_not_stored(self, token: Token, failure: NotStored, ctx: Context) -> None:
        ctx.answer(token, _PROBLEMS[failure.reason])
        self._give_up(failure, ctx)

    # -- private ----------------------------------------------------------------------------

    @property
    def _members(self) -> Mapping[UserId, Member]:
        return self._roster.members

    def _others(self, author: UserId) -> tuple[UserId, ...]:
        """Who hears of every message: in a direct conversation."""
        if self._channel.kind == "channel":
            return ()
        return tuple(sorted(user for user in self._members if user != author))

    def _may_revise(self, revise: Revise, now_ms: int) -> Member:
        """Who does it. Raises Refused."""
        check_may_revise(self._channel, self._members, revise.by)
        member = self._members[revise.by]
        if not isinstance(revise.operation, Delete):
            check_not_muted(member, now_ms)
        if isinstance(revise.operation, Edit):
            called_by(self._channel, self._members, revise.by, revise.operation.mentions)
        return member

    def _note(
        self, kind: Literal["added", "removed"], by: UserId, users: tuple[UserId, ...], ctx: Context
    ) -> NoteDraft | None:
        """What the history says of a change of members, while they are few: those count who are
        on their way in, too."""
        coming = self._joining + (len(users) if kind == "added" else 0)
        if not users or len(self._members) + coming > self._noted_members:
            return None
        note = SystemNote(kind=_OF_ONESELF[kind] if users == (by,) else kind, users=users)
        return NoteDraft(id=MessageId(ctx.new_id(MESSAGE)), author=by, note=note)

    def _store_members(self, draft: MembershipDraft, ctx: Context) -> None:
        token = ctx.take_reply()
        joining = len(draft.users) if isinstance(draft, JoinDraft) else 0
        self._joining += joining

        def then(outcome: Settled, ctx: Context) -> None:
            assert isinstance(outcome, Committed)  # membership has no keys to repeat
            self._joining -= joining
            self.on_members_changed(token, outcome, ctx)

        def failed(failure: NotStored, ctx: Context) -> None:
            self._joining -= joining
            self.on_not_stored(token, failure, ctx)

        ctx.store(draft, then, failed)

    def _take_properties(self, outcome: Settled, ctx: Context) -> None:
        assert isinstance(outcome, Committed)
        assert isinstance(outcome.change, ChannelUpdated)
        self._channel = outcome.change.info
        if outcome.head.rev > self._head.rev:
            self._commit(outcome, ctx)

    def _commit(self, outcome: Committed, ctx: Context) -> None:
        """The answers are on their way; now the change becomes everybody's."""
        self._head = outcome.head
        for change in (outcome.change, *outcome.also):
            self._ring.append(change)
            ctx.publish(change, term=self._head.term)
        for hint in outcome.hints:
            ctx.tell(inbox_actor(hint.user), TakeHint(hint=hint))

    def _knows(self, identity: Identity) -> bool:
        return identity in self._pending or identity in self._recent

    def _remember(self, identity: Identity, digest: bytes, receipt: Receipt) -> None:
        self._recent[identity] = (digest, receipt)
        if len(self._recent) > _RECENT_LIMIT:
            self._recent.popitem(last=False)

    def _give_up(self, failure: NotStored, ctx: Context) -> None:
        """What is known here may be out of date, and whatever follows would overtake what was not
        stored: the next message loads the channel again, with another term."""
        if failure.reason != "refused":
            ctx.drop()

    _handlers: Final[dict[type, Callable[["ChannelActor", Any, Context], None]]] = {
        Post: on_post,
        Revise: on_revise,
        AddMembers: on_add,
        RemoveMembers: on_remove,
        BanMembers: on_ban,
        UpdateMember: on_update_member,
        UpdateChannel: on_update,
        Expire: on_expire,
        Typing: on_typing,
        Seen: on_seen,
    }


_OF_MODERATORS: Final = frozenset({"slow_mode_s"})
"""Rules that are not for owners alone."""

_OF_ONESELF: Final[dict[str, Literal["joined", "left"]]] = {"added": "joined", "removed": "left"}

_KEY_REUSED: Final = Problem(
    code="key_reused", detail="the key was used before for another message", field="k"
)
_PROBLEMS: Final = {
    "stale": MOVED,
    "unknown": UNKNOWN,
    "unavailable": Problem(
        code="unavailable", detail="the database is away", retry_after_ms=500, again=True
    ),
    "refused": Problem(code="bad_request", detail="the database cannot store this message"),
}


def _check_same(first: bytes, digest: bytes) -> None:
    if first != digest:
        raise Refused(_KEY_REUSED.code, _KEY_REUSED.detail, field=_KEY_REUSED.field)


def _revised(outcome: Settled, brief: bool) -> Answer:
    match outcome:
        case Declined():
            return _declined(outcome)
        case Unchanged(message=message):
            return Done() if brief else Revised(message=message)
        case Committed(change=MessageUpdated(message=message) | MessageDeleted(message=message)):
            return Done() if brief else Revised(message=message)
        case _:
            raise TypeError(f"a revision became {type(outcome).__name__}")


def _declined(outcome: Declined) -> Problem:
    return Problem(code=outcome.code, detail=outcome.detail, field=outcome.field)


def _message(outcome: Committed) -> Any:
    assert isinstance(outcome.change, MessageCreated)
    return outcome.change.message
