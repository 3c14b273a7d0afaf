"""What upload actors are asked, and what they answer. `by` is who asks; only the owner may."""

import msgspec

from streamhub.domain.ids import FileId, UploadId, UserId
from streamhub.domain.upload_ledger import Stored
from streamhub.domain.uploads import Ledger, State


class AttachUpload(msgspec.Struct, frozen=True, kw_only=True, tag="attach_upload"):
    """Write to it from now on. Without `term` nobody else does any more; with the present one, the
    writer is one more beside those there are. `offset`: only if it stands there. The answer is
    `Attached`."""

    by: UserId
    term: int | None = None
    offset: int | None = None


class RecordStored(msgspec.Struct, frozen=True, kw_only=True, tag="record_stored"):
    """S3 has taken these: make it durable that it has. The answer is `UploadStanding`."""

    by: UserId
    term: int
    stored: Stored


class ReserveMore(msgspec.Struct, frozen=True, kw_only=True, tag="reserve_more"):
    """An upload of unknown length goes up to so many bytes. The answer is `Done`."""

    by: UserId
    bytes: int


class DeclareSize(msgspec.Struct, frozen=True, kw_only=True, tag="declare_size"):
    """So long is the whole. The answer is `Done`."""

    by: UserId
    size: int


class FinishUpload(msgspec.Struct, frozen=True, kw_only=True, tag="finish_upload"):
    """All of it has come: make a file of it. The answer is `UploadStanding`, at once, or with
    `wait` when it is over."""

    by: UserId
    wait: bool = False


class CancelUpload(msgspec.Struct, frozen=True, kw_only=True, tag="cancel_upload"):
    """Give it up. The answer is `UploadStanding`."""

    by: UserId


class LookAfterUpload(msgspec.Struct, frozen=True, kw_only=True, tag="look_after_upload"):
    """Go on with what a host that died had begun, or end what has expired. Told, never answered."""


class UploadProgress(msgspec.Struct, frozen=True, kw_only=True, tag="upload.progress"):
    """How far an upload is: told to its owner's inbox, and from there to the owner's sessions."""

    upload: UploadId
    name: str
    state: State
    bytes: int
    size: int | None = None
    file: FileId | None = None
    problem: str | None = None


OfUpload = (
    AttachUpload
    | RecordStored
    | ReserveMore
    | DeclareSize
    | FinishUpload
    | CancelUpload
    | LookAfterUpload
)


class Attached(msgspec.Struct, frozen=True, kw_only=True, tag="attached"):
    """What is stored, once nothing of an older term can be added."""

    ledger: Ledger


class UploadStanding(msgspec.Struct, frozen=True, kw_only=True, tag="upload_standing"):
    """How far it is. `offset`: up to where every byte is durable; `stored`: bytes of whole parts;
    `problem`: a code."""

    state: State
    offset: int
    stored: int = 0
    file: FileId | None = None
    problem: str | None = None


FromUpload = Attached | UploadStanding
