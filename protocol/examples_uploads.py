"""Frames of the socket of uploads, see `examples.py`."""

from typing import Final

from streamhub.protocol.files import FileEvent, FileGone, FileObject, StorageObject
from streamhub.protocol.frames import Command, Event, Outgoing
from streamhub.protocol.uploads import (
    AttachedUpload,
    PartObject,
    UploadAttach,
    UploadCancel,
    UploadCredit,
    UploadDurable,
    UploadFinish,
    UploadOpen,
    UploadPart,
    UploadProgress,
    UploadReceived,
    UploadRefused,
    UploadState,
)

_UPLOAD: Final = "up_01kc3ve8h2k4mcpgskvntznyqz"
_FILE: Final = "fi_01kc3vf9j3n5qdrhtmwpvbpzr0"
_MIB: Final = 1 << 20
_FILM: Final = FileObject(
    id=_FILE,
    owner="us_01kc3v9m5zqfyw8h2n4rj6t7ab",
    name="film.mp4",
    mime="video/mp4",
    size_bytes=20 * _MIB,
    version="fv_01kc3vf9j3n5qdrhtmwpvbpzr0",
    crc32c=1_214_729_159,
    created_at=1_765_368_120_000,
    updated_at=1_765_368_120_000,
)

UPLOAD_COMMANDS: Final[tuple[tuple[Command, Outgoing], ...]] = (
    (
        Command(
            name="upload.open",
            i=50,
            body=UploadOpen(name="film.mp4", size_bytes=20 * _MIB, mime="video/mp4"),
            key="5f1c8e0a",
        ),
        AttachedUpload(
            upload=_UPLOAD,
            term=1,
            stream=1,
            part_bytes=8 * _MIB,
            credit=8 * _MIB,
            missing=((1, 3),),
            state="receiving",
            size_bytes=20 * _MIB,
        ),
    ),
    (
        Command(name="upload.attach", i=51, body=UploadAttach(upload=_UPLOAD)),
        AttachedUpload(
            upload=_UPLOAD,
            term=2,
            stream=2,
            part_bytes=8 * _MIB,
            credit=0,
            missing=((2, 3),),
            state="receiving",
            size_bytes=20 * _MIB,
            partial=((2, 65_504),),
        ),
    ),
    (
        Command(
            name="upload.part", i=52, body=UploadPart(upload=_UPLOAD, part=1, crc32c=1_214_729_159)
        ),
        PartObject(upload=_UPLOAD, part=1, size_bytes=8 * _MIB, crc32c=1_214_729_159),
    ),
    (
        Command(name="upload.finish", i=53, body=UploadFinish(upload=_UPLOAD)),
        UploadState(upload=_UPLOAD, state="sealing"),
    ),
    (
        Command(name="upload.cancel", i=54, body=UploadCancel(upload=_UPLOAD)),
        UploadState(upload=_UPLOAD, state="aborted", problem="cancelled"),
    ),
)

FILE_EVENTS: Final = (
    Event(name="file.ready", body=FileEvent(file=_FILM)),
    Event(name="file.shared", body=FileEvent(file=_FILM)),
    Event(name="file.deleted", body=FileGone(file=_FILE)),
    Event(
        name="quota.updated",
        body=StorageObject(used_bytes=20 * _MIB, reserved_bytes=0, quota_bytes=10_240 * _MIB),
    ),
)

UPLOAD_EVENTS: Final = (
    Event(
        name="upload.progress",
        body=UploadProgress(
            upload=_UPLOAD,
            name="film.mp4",
            state="receiving",
            bytes=8 * _MIB,
            size_bytes=20 * _MIB,
        ),
    ),
    Event(name="upload.credit", body=UploadCredit(stream=1, bytes=16 * _MIB)),
    Event(name="upload.received", body=UploadReceived(stream=1, bytes=_MIB)),
    Event(name="upload.durable", body=UploadDurable(upload=_UPLOAD, parts=(1,), bytes=8 * _MIB)),
    Event(
        name="upload.refused",
        body=UploadRefused(
            stream=1, offset=_MIB, code="offset_conflict", detail="part 1 goes on at 524032"
        ),
    ),
    Event(name="upload.state", body=UploadState(upload=_UPLOAD, state="ready", file=_FILE)),
)
