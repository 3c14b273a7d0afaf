"""One user's drafts, kept one after the other: the last one said is the last one kept."""

from streamhub.actors.context import Context
from streamhub.actors.in_turn import InTurn
from streamhub.domain.ids import UserId
from streamhub.domain.kept_drafts import MAX_DRAFTS, DraftStore, KeptDraft
from streamhub.domain.messages import NOT_FOUND, DraftUpdated, KeepDraft, Problem

_TOO_MANY = Problem(code="limit_reached", detail=f"{MAX_DRAFTS} drafts are the most")


class Drafting:
    """Part of the inbox: what it keeps is published to all of the user's sessions."""

    def __init__(self, user: UserId, store: DraftStore) -> None:
        self._user = user
        self._store = store
        self._turns = InTurn()

    def take(self, keep: KeepDraft, ctx: Context) -> None:
        draft = KeptDraft(
            channel=keep.channel, thread=keep.thread, text=keep.text, updated_at=ctx.now_ms
        )
        token = ctx.take_reply()

        def then(kept: bool | None, ctx: Context) -> None:
            if kept:
                updated = DraftUpdated(draft=draft)
                ctx.answer(token, updated)
                ctx.publish(updated)
            else:
                ctx.answer(token, NOT_FOUND if kept is None else _TOO_MANY)

        self._turns.do(lambda: self._store.keep(self._user, draft), then, token, ctx)
