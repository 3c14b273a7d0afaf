"""The actor that keeps what is stored of one upload, and makes a file of it."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import structlog
from msgspec.structs import replace

from streamhub.actors.context import Context, Token
from streamhub.domain.errors import Refused, StreamHubError
from streamhub.domain.file_messages import FileChanged, QuotaUpdated
from streamhub.domain.ids import FILE, VERSION, FileId, UserId, VersionId
from streamhub.domain.messages import BROKEN, MOVED, Done, Problem, inbox_actor
from streamhub.domain.publishing import FORGET_AFTER_MS, Names, Outcome, Publishing
from streamhub.domain.upload_ledger import Became, Stored, UploadLedger
from streamhub.domain.upload_messages import (
    Attached,
    AttachUpload,
    CancelUpload,
    DeclareSize,
    FinishUpload,
    LookAfterUpload,
    RecordStored,
    ReserveMore,
    UploadStanding,
)
from streamhub.domain.uploads import OVER, Ledger, Upload, after, not_receiving

log = structlog.get_logger()

_AGAIN_S: Final = 1.0
_QUOTA: Final = Problem(code="quota_exceeded", detail="delete some files, then go on")


class _Waiting(NamedTuple):
    stored: Stored
    token: Token


class UploadActor:
    """One upload's state and ledger; its bytes never come here.

    The ledger in PostgreSQL decides: it takes nothing of an older term, and nothing once the upload
    is sealing. An answer to RecordStored means that those bytes are durable. What waits while it
    writes is written together.
    """

    def __init__(
        self, ledger: Ledger, store: UploadLedger, publishing: Publishing, quota_bytes: int
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._publishing = publishing
        self._quota_bytes = quota_bytes
        self._waiting: list[_Waiting] = []
        self._writing = False
        self._sealing = False
        self._until_over: list[Token] = []

    def handle(self, message: Any, ctx: Context) -> None:
        if not isinstance(message, LookAfterUpload):
            self._check_owner(message.by)
        self._handlers[type(message)](self, message, ctx)

    def closed(self) -> None:
        pass

    # -- commands: decide -------------------------------------------------------------------

    def on_attach(self, attach: AttachUpload, ctx: Context) -> None:
        self._check_receives()
        stands = self._ledger.offset
        if attach.offset is not None and attach.offset != stands:
            raise Refused("offset_conflict", f"it stands at {stands}", field="Upload-Offset")
        if attach.term is not None:
            self._check_term(attach.term)
            ctx.reply(Attached(ledger=self._ledger))
            return
        token = ctx.take_reply()

        def then(ledger: Ledger | None, ctx: Context) -> None:
            if ledger is None:
                self._reload(token, ctx)
                return
            if ledger.upload.term > self._upload.term:
                self._ledger = ledger
            ctx.answer(token, Attached(ledger=ledger))

        upload = self._upload.id
        ctx.run(lambda: self._store.attach(upload), then, self._failed(token))

    def on_record(self, record: RecordStored, ctx: Context) -> None:
        self._check_receives()
        self._check_term(record.term)
        self._waiting.append(_Waiting(record.stored, ctx.take_reply()))
        self._write(ctx)

    def on_reserve(self, reserve: ReserveMore, ctx: Context) -> None:
        self._check_receives()
        token, upload = ctx.take_reply(), self._upload.id
        work = self._store.reserve
        ctx.run(
            lambda: work(upload, reserve.bytes, self._quota_bytes),
            lambda done, ctx: ctx.answer(token, Done() if done else _QUOTA),
            self._failed(token),
        )

    def on_declare(self, declare: DeclareSize, ctx: Context) -> None:
        self._check_receives()
        if self._upload.size is not None:
            if self._upload.size != declare.size:
                raise Refused("conflict", f"its length is {self._upload.size} bytes", field="size")
            ctx.reply(Done())
            return
        if declare.size < self._ledger.offset:
            raise Refused("length_exceeded", "more bytes than that have come", field="size")
        token, upload = ctx.take_reply(), self._upload.id

        def then(done: bool, ctx: Context) -> None:
            ctx.answer(token, Done() if done else _QUOTA)
            ctx.drop()  # the row has changed

        ctx.run(
            lambda: self._store.declare(upload, declare.size, self._quota_bytes),
            then,
            self._failed(token),
        )

    def on_finish(self, finish: FinishUpload, ctx: Context) -> None:
        if self._upload.state in OVER:
            ctx.reply(self._standing())
            return
        if self._upload.state == "sealing":
            if finish.wait:
                self._until_over.append(ctx.take_reply())
            else:
                ctx.reply(self._standing())
            self._seal(ctx)
            return
        if not self._ledger.complete:
            raise Refused(
                "offset_conflict",
                f"{self._ledger.offset} bytes without a hole are stored: send the rest first",
            )
        after(self._upload.state, "finish")
        token, upload = ctx.take_reply(), self._upload.id

        def then(done: bool, ctx: Context) -> None:
            if not done:
                self._reload(token, ctx)
                return
            self._become(state="sealing")
            if finish.wait:
                self._until_over.append(token)
            else:
                ctx.answer(token, self._standing())
            self._seal(ctx)

        ctx.run(lambda: self._store.seal(upload), then, self._failed(token))

    def on_cancel(self, cancel: CancelUpload, ctx: Context) -> None:
        if self._upload.state == "aborted":
            ctx.reply(self._standing())
            return
        self._end(ctx, "cancelled", ctx.take_reply())

    def on_look_after(self, look: LookAfterUpload, ctx: Context) -> None:
        upload = self._upload
        if upload.state == "sealing":
            self._seal(ctx)
        elif upload.state == "receiving" and upload.expires_at <= ctx.now_ms:
            self._end(ctx, "expired", None)
        elif upload.state == "receiving":
            ctx.drop()  # the row has changed: its owner is gone

    # -- private ----------------------------------------------------------------------------

    @property
    def _upload(self) -> Upload:
        return self._ledger.upload

    def _standing(self) -> UploadStanding:
        upload = self._upload
        return UploadStanding(
            state=upload.state,
            offset=self._ledger.offset,
            stored=self._ledger.stored_bytes,
            file=upload.file,
            problem=upload.problem,
        )

    def _check_owner(self, user: UserId) -> None:
        if user != self._upload.owner:
            raise Refused("not_found", "there is no such upload, or it is not yours")

    def _check_receives(self) -> None:
        if self._upload.state != "receiving":
            raise not_receiving(self._upload.state)

    def _check_term(self, term: int) -> None:
        if term != self._upload.term:
            raise Refused("stale_term", "another connection took this upload over")

    def _become(self, **changes: Any) -> None:
        self._ledger = replace(self._ledger, upload=replace(self._upload, **changes))

    def _write(self, ctx: Context) -> None:
        """What has come, in one statement; what comes meanwhile is the next."""
        if self._writing or not self._waiting:
            return
        self._writing = True
        batch, self._waiting = self._waiting, []
        upload, term = self._upload.id, self._upload.term
        stored = Stored(
            parts=tuple({p.number: p for w in batch for p in w.stored.parts}.values()),
            tails=tuple({t.start: t for w in batch for t in w.stored.tails}.values()),
            joined=tuple(start for w in batch for start in w.stored.joined),
        )

        def then(taken: bool, ctx: Context) -> None:
            self._writing = False
            if not taken:
                for waiting in batch:
                    ctx.answer(waiting.token, MOVED)
                ctx.drop()
                return
            if term == self._upload.term:  # who took over has it in what was read for them
                self._ledger = _added(self._ledger, stored)
            for waiting in batch:
                ctx.answer(waiting.token, self._standing())
            self._write(ctx)

        def failed(error: Exception, ctx: Context) -> None:
            self._writing = False
            for waiting in batch:
                ctx.answer(waiting.token, _problem(error))
            ctx.drop()  # it may have been written

        ctx.run(lambda: self._store.record(upload, term, stored), then, failed)

    def _seal(self, ctx: Context) -> None:
        if self._sealing:
            return
        self._sealing = True
        ledger = self._ledger
        names = Names(
            file=FileId(ctx.new_id(FILE)), version=VersionId(ctx.new_id(VERSION)), at=ctx.now_ms
        )

        def then(outcome: Outcome, ctx: Context) -> None:
            self._sealing = False
            match outcome:
                case Became(file=file):
                    self._become(state="ready", file=file.id, size=ledger.stored_bytes)
                    self._tell(outcome, ctx)
                case "failed":
                    self._become(state="failed", problem="checksum_mismatch")
                case _:  # what the ledger says by now is read when it is asked again
                    for token in self._until_over:
                        ctx.answer(token, MOVED)
                    ctx.drop()
                    return
            for token in self._until_over:
                ctx.answer(token, self._standing())
            self._until_over.clear()

        def failed(error: Exception, ctx: Context) -> None:
            log.warning("upload.not_sealed", upload=self._upload.id, error=repr(error))
            self._sealing = False
            for token in self._until_over:
                ctx.answer(token, _problem(error))
            self._until_over.clear()
            ctx.timer(_AGAIN_S, self._seal)

        ctx.run(lambda: self._publishing.publish(ledger, names), then, failed)

    def _tell(self, became: Became, ctx: Context) -> None:
        """The owner's sessions."""
        inbox, usage = inbox_actor(self._upload.owner), became.usage
        ctx.tell(inbox, FileChanged(kind="ready", file=became.file))
        quota = self._quota_bytes
        ctx.tell(inbox, QuotaUpdated(used=usage.used, reserved=usage.reserved, quota=quota))

    def _end(self, ctx: Context, problem: str, token: Token | None) -> None:
        after(self._upload.state, "abort")
        upload, forget_at = self._upload.id, ctx.now_ms + FORGET_AFTER_MS

        def then(done: bool, ctx: Context) -> None:
            if not done:
                self._reload(token, ctx)
                return
            self._become(state="aborted", problem=problem)
            if token is not None:
                ctx.answer(token, self._standing())

        ctx.run(
            lambda: self._store.end(upload, "receiving", "aborted", problem, forget_at),
            then,
            self._failed(token),
        )

    def _reload(self, token: Token | None, ctx: Context) -> None:
        """The row is not as it was when it was read: read it, and be asked again."""
        if token is not None:
            ctx.answer(token, MOVED)
        ctx.drop()

    def _failed(self, token: Token | None) -> Callable[[Exception, Context], None]:
        def failed(error: Exception, ctx: Context) -> None:
            if token is not None:
                ctx.answer(token, _problem(error))
            ctx.drop()

        return failed

    _handlers: Final[dict[type, Callable[["UploadActor", Any, Context], None]]] = {
        AttachUpload: on_attach,
        RecordStored: on_record,
        ReserveMore: on_reserve,
        DeclareSize: on_declare,
        FinishUpload: on_finish,
        CancelUpload: on_cancel,
        LookAfterUpload: on_look_after,
    }


def _problem(error: Exception) -> Problem:
    return Problem.of(error) if isinstance(error, StreamHubError) else BROKEN


def _added(ledger: Ledger, stored: Stored) -> Ledger:
    parts = {part.number: part for part in (*ledger.parts, *stored.parts)}
    tails = {tail.start: tail for tail in (*ledger.tails, *stored.tails)}
    for start in stored.joined:
        tails.pop(start, None)
    return replace(
        ledger,
        parts=tuple(parts[number] for number in sorted(parts)),
        tails=tuple(tails[start] for start in sorted(tails)),
    )
