"""Identifiers: a two-letter prefix, an underscore and a lower-case ULID, compared bytewise.

The ULID (48 bits of milliseconds, 80 random bits, Crockford base 32) makes ids of one kind sort
by the time they were made. Source: https://github.com/ulid/spec
"""

import re
from typing import Final, NewType

UserId = NewType("UserId", str)
SessionId = NewType("SessionId", str)
ChannelId = NewType("ChannelId", str)
MessageId = NewType("MessageId", str)
FileId = NewType("FileId", str)
FolderId = NewType("FolderId", str)
VersionId = NewType("VersionId", str)
UploadId = NewType("UploadId", str)
JobId = NewType("JobId", str)
NotificationId = NewType("NotificationId", str)
HostId = NewType("HostId", str)

USER: Final = "us"
SESSION: Final = "se"
CHANNEL: Final = "ch"
MESSAGE: Final = "me"
FILE: Final = "fi"
FOLDER: Final = "fo"
VERSION: Final = "fv"
UPLOAD: Final = "up"
JOB: Final = "jo"
HOST: Final = "ho"
TOKEN: Final = "tk"  # noqa: S105 - a prefix
INVITATION: Final = "iv"
LINK: Final = "fl"
REPORT: Final = "rp"
NOTIFICATION: Final = "no"

RANDOM_BYTES: Final = 10
_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PATTERN: Final = re.compile(r"[a-z]{2}_[0-7][0-9a-hjkmnp-tv-z]{25}")


def make_id(prefix: str, now_ms: int, randomness: bytes) -> str:
    """`prefix_` and the ULID of `now_ms` (milliseconds since 1970) and 10 random bytes."""
    if len(randomness) != RANDOM_BYTES:
        raise ValueError(f"an id needs {RANDOM_BYTES} random bytes, not {len(randomness)}")
    number = (now_ms & 0xFFFF_FFFF_FFFF) << 80 | int.from_bytes(randomness)
    return f"{prefix}_" + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))


def is_id(text: str, prefix: str) -> bool:
    """Whether `text` is a well-formed id of this kind."""
    return text[:2] == prefix and _PATTERN.fullmatch(text) is not None
