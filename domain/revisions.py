"""What drafts make of a message that is there: one set of rules for every store.

A store reads the messages that a batch is about, lets a `Revision` of each take its drafts, and
writes what came of it. It may do so because only the owner of the channel's present term changes
its messages, one batch after the other.
"""

from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from streamhub.domain.changes import Declined, MessageDeleted, MessageUpdated
from streamhub.domain.channels import Edition, Message
from streamhub.domain.drafts import Delete, Edit, Pin, React, RevisionDraft
from streamhub.domain.ids import UserId
from streamhub.domain.reactions import MAX_KINDS, Reaction, Tally

NO_MESSAGE = Declined(code="not_found", detail="there is no such message here", field="message")
_GONE = Declined(code="gone", detail="the message was deleted", field="message")
_NOT_YOURS = Declined(code="forbidden", detail="only its author edits a message")
_NOT_EDITED = Declined(code="forbidden", detail="what the server wrote is not edited")
_NOT_YOURS_EITHER = Declined(
    code="forbidden", detail="only its author and the channel's moderators delete a message"
)


class Gathered(msgspec.Struct, frozen=True):
    """What a message's revision leaves beside the message: rows to write and to remove."""

    editions: tuple[Edition, ...]
    added: tuple[tuple[str, UserId], ...]
    removed: tuple[tuple[str, UserId], ...]
    unmentioned: tuple[UserId, ...]
    mentioned: tuple[UserId, ...] = ()


class Revision:
    """One message while a batch of drafts changes it. All that it takes becomes one change."""

    def __init__(self, message: Message, tallies: Mapping[str, Tally]) -> None:
        """`tallies`: of each kind of reaction that the drafts name."""
        self._before = message
        self._message = message
        self._tallies = tallies
        self._editions: list[Edition] = []

    def take(self, draft: RevisionDraft) -> Declined | None:
        """Apply a draft, which may change nothing. Declined: it is as if it had not come."""
        if self._message.seq <= draft.floor_seq:
            return NO_MESSAGE
        if self._message.deleted_at is not None:
            return None if isinstance(draft.operation, Delete) else _GONE
        match draft.operation:
            case Edit():
                return self._edit(draft, draft.operation)
            case Delete():
                return self._delete(draft)
            case React(kind=kind, on=on):
                return self._react(kind, draft.by, on)
            case Pin(on=on):
                return self._pin(draft, on)

    @property
    def message(self) -> Message:
        """As it was read."""
        return self._before

    @property
    def changed(self) -> bool:
        reacted = any(tally.added or tally.removed for tally in self._tallies.values())
        return self._message != self._before or reacted

    @property
    def deleted(self) -> bool:
        return self._message.deleted_at is not None

    def change(self, rev: int) -> MessageUpdated | MessageDeleted:
        """What everybody is told, under the number the commit gives it."""
        shown = () if self.deleted else self._reactions(rev)
        message = replace(self._message, rev=rev, reactions=shown)
        kind = MessageDeleted if self.deleted else MessageUpdated
        return kind(channel=message.channel, rev=rev, message=message)

    def gathered(self, called: Iterable[UserId] = ()) -> Gathered:
        """A deleted message leaves no editions and no reactions at all. `called`: whom it
        mentioned, if it `calls_no_more`."""
        before = {mention.user for mention in self._before.mentions if mention.user}
        named = before | {*called}
        still = {mention.user for mention in self._message.mentions if mention.user}
        unmentioned = () if _calls(self._message) else tuple(sorted(named - still))
        if self.deleted:
            return Gathered((), (), (), unmentioned)
        tallies = sorted(self._tallies.items())
        added = tuple((kind, user) for kind, tally in tallies for user in tally.added)
        removed = tuple((kind, user) for kind, tally in tallies for user in tally.removed)
        mentioned = tuple(sorted(still - before - {self._message.author}))
        return Gathered(tuple(self._editions), added, removed, unmentioned, mentioned)

    @property
    def calls_no_more(self) -> bool:
        """Whom it called without naming them is mentioned no more."""
        return _calls(self._before) and not _calls(self._message)

    # -- private ----------------------------------------------------------------------------

    def _edit(self, draft: RevisionDraft, edit: Edit) -> Declined | None:
        message = self._message
        if message.system is not None:
            return _NOT_EDITED
        if message.author != draft.by:
            return _NOT_YOURS
        if edit.within_ms is not None and draft.at - message.created_at > edit.within_ms:
            detail = f"a message may be edited for {edit.within_ms // 1000} s"
            return Declined(code="forbidden", detail=detail)
        if message.text == edit.text:
            return None
        written_at = message.edited_at or message.created_at
        self._editions.append(
            Edition(text=message.text, mentions=message.mentions, written_at=written_at)
        )
        self._message = replace(
            message, text=edit.text, mentions=edit.mentions, edited_at=max(draft.at, written_at + 1)
        )
        return None

    def _delete(self, draft: RevisionDraft) -> Declined | None:
        own = self._message.author == draft.by and self._message.system is None
        if not own and not draft.moderates:
            return _NOT_YOURS_EITHER
        self._message = replace(
            self._message,
            text="",
            mentions=(),
            files=(),
            pinned_at=None,
            pinned_by=None,
            deleted_at=draft.at,
        )
        return None

    def _react(self, kind: str, by: UserId, on: bool) -> Declined | None:
        tally = self._tallies[kind]
        if on and not tally.count and self._kinds() >= MAX_KINDS:
            detail = f"a message takes at most {MAX_KINDS} kinds of reactions"
            return Declined(code="limit_reached", detail=detail, field="reaction")
        tally.put(by, on=on)
        return None

    def _pin(self, draft: RevisionDraft, on: bool) -> Declined | None:
        if (self._message.pinned_at is not None) != on:
            self._message = replace(
                self._message,
                pinned_at=draft.at if on else None,
                pinned_by=draft.by if on else None,
            )
        return None

    def _kinds(self) -> int:
        others = sum(one.kind not in self._tallies for one in self._message.reactions)
        return others + sum(tally.count > 0 for tally in self._tallies.values())

    def _reactions(self, rev: int) -> tuple[Reaction, ...]:
        """Kinds stay where they are; new ones come last."""
        held = {one.kind: one for one in self._message.reactions}
        kinds = dict.fromkeys((*held, *sorted(self._tallies)))
        shown = (
            self._tallies[kind].reaction(kind, rev) if kind in self._tallies else held[kind]
            for kind in kinds
        )
        return tuple(one for one in shown if one.count)


def _calls(message: Message) -> bool:
    return any(mention.calls == "channel" for mention in message.mentions)
