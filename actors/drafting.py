"""One user's drafts, kept one after the other: the last one said is the last one kept."""

from collections import deque
from typing import NamedTuple

from streamhub.actors.context import Context, Token
from streamhub.domain.errors import StreamHubError
from streamhub.domain.ids import UserId
from streamhub.domain.kept_drafts import MAX_DRAFTS, DraftStore, KeptDraft
from streamhub.domain.messages import BROKEN, NOT_FOUND, DraftUpdated, KeepDraft, Problem

_TOO_MANY = Problem(code="limit_reached", detail=f"{MAX_DRAFTS} drafts are the most")


class _Waiting(NamedTuple):
    draft: KeptDraft
    token: Token


class Drafting:
    """Part of the inbox: what it keeps is published to all of the user's sessions."""

    def __init__(self, user: UserId, store: DraftStore) -> None:
        self._user = user
        self._store = store
        self._waiting: deque[_Waiting] = deque()
        self._busy = False

    def take(self, keep: KeepDraft, ctx: Context) -> None:
        draft = KeptDraft(
            channel=keep.channel, thread=keep.thread, text=keep.text, updated_at=ctx.now_ms
        )
        self._waiting.append(_Waiting(draft, ctx.take_reply()))
        self._next(ctx)

    def _next(self, ctx: Context) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        draft, token = self._waiting.popleft()

        def then(kept: bool | None, ctx: Context) -> None:
            self._busy = False
            if kept:
                updated = DraftUpdated(draft=draft)
                ctx.answer(token, updated)
                ctx.publish(updated)
            else:
                ctx.answer(token, NOT_FOUND if kept is None else _TOO_MANY)
            self._next(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._busy = False
            ctx.answer(token, Problem.of(error) if isinstance(error, StreamHubError) else BROKEN)
            self._next(ctx)

        ctx.run(lambda: self._store.keep(self._user, draft), then, failed)
