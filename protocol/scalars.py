"""The values fields are made of: ids, texts, numbers, with the limits that decoding checks.

Lengths count code points. Patterns are anchored with `\\A` and `\\Z`, as msgspec searches.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Final

from msgspec import Meta

MAX_INT: Final = 2**53 - 1
"""The largest integer on the wire: what JavaScript holds exactly."""

MAX_COMMAND_NUMBER: Final = 2**31 - 1
MAX_TEXT: Final = 16_000
MAX_FILES: Final = 10
MAX_NAME: Final = 80
MAX_QUERY: Final = 512
MAX_TOPIC: Final = 250
MAX_USERS: Final = 100
MAX_DIRECT_USERS: Final = 19
MAX_CHANNELS: Final = 2_000
MAX_PAGE: Final = 200
MAX_KEEP_DAYS: Final = 3_650
MAX_SLOW_MODE_S: Final = 21_600
DEFAULT_PAGE: Final = 50
MAX_TOKEN: Final = 8_192
MAX_FOCUS_CHANNELS: Final = 50
MAX_FOCUS_USERS: Final = 200

TEXT_PATTERN: Final = r"\A[^\x00-\x08\x0b-\x1f\ud800-\udfff]*\Z"
"""No lone surrogate, no NUL, no C0 control except tab and newline."""

REACTION_PATTERN: Final = (
    r"\A[^\x00-\x20\x7f-\xa0\u061c\u200e\u200f\u2028-\u202e"
    r"\u2066-\u2069\ud800-\udfff\ufeff]{1,64}\Z"
)
"""No space, no control character, nothing that turns the direction of the text around it."""

KEY_PATTERN: Final = r"\A[\x20-\x7e]{1,64}\Z"
_OPAQUE_PATTERN: Final = r"\A[\x21-\x7e]+\Z"


def _id_pattern(prefix: str) -> str:
    return rf"\A{prefix}_[0-9a-hjkmnp-tv-z]{{26}}\Z"


UserId = Annotated[str, Meta(pattern=_id_pattern("us"), description="id of a user")]
SessionId = Annotated[str, Meta(pattern=_id_pattern("se"), description="id of a session")]
ChannelId = Annotated[str, Meta(pattern=_id_pattern("ch"), description="id of a channel")]
HeldChannelId = Annotated[str, Meta(min_length=29, max_length=29, description="id of a channel")]
"""A client that comes back names hundreds: the pattern takes 0.7 us each, and what it would refuse
is the id of no channel, so it is answered like one the user is not in."""

MessageId = Annotated[str, Meta(pattern=_id_pattern("me"), description="id of a message")]
JobId = Annotated[str, Meta(pattern=_id_pattern("jo"), description="id of a scheduled message")]
ReportId = Annotated[str, Meta(pattern=_id_pattern("rp"), description="id of a report")]
NotificationId = Annotated[str, Meta(pattern=_id_pattern("no"), description="id of a notification")]
FileId = Annotated[str, Meta(pattern=_id_pattern("fi"), description="id of a file")]
UploadId = Annotated[str, Meta(pattern=_id_pattern("up"), description="id of an upload")]

Text = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT, pattern=TEXT_PATTERN)]
AnyText = Annotated[str, Meta(max_length=MAX_TEXT, pattern=TEXT_PATTERN)]
SearchText = Annotated[str, Meta(min_length=1, max_length=MAX_QUERY, pattern=TEXT_PATTERN)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME, pattern=TEXT_PATTERN)]
Topic = Annotated[str, Meta(max_length=MAX_TOPIC, pattern=TEXT_PATTERN)]
Key = Annotated[str, Meta(pattern=KEY_PATTERN, description="1 to 64 printable ASCII characters")]
Token = Annotated[str, Meta(max_length=MAX_TOKEN, pattern=_OPAQUE_PATTERN, description="opaque")]
Cursor = Annotated[str, Meta(max_length=512, pattern=_OPAQUE_PATTERN, description="opaque")]

ReactionKind = Annotated[
    str,
    Meta(pattern=REACTION_PATTERN, description="an emoji or a name, 1 to 64 characters, no space"),
]

CommandNumber = Annotated[int, Meta(ge=1, le=MAX_COMMAND_NUMBER)]
Seq = Annotated[int, Meta(ge=1, le=MAX_INT, description="number of a message in its channel")]
Rev = Annotated[int, Meta(ge=0, le=MAX_INT, description="number of a change in its channel")]
Count = Annotated[int, Meta(ge=0, le=MAX_INT)]
Term = Annotated[int, Meta(ge=0, le=2**31 - 1, description="counts who took an upload over")]
Timestamp = Annotated[int, Meta(ge=0, le=MAX_INT, description="milliseconds since 1970 UTC")]
Duration = Annotated[int, Meta(ge=0, le=MAX_INT, description="milliseconds")]
PageSize = Annotated[int, Meta(ge=1, le=MAX_PAGE)]

PATTERN_RULES: Final[Mapping[str, str]] = MappingProxyType(
    {
        _id_pattern("us"): "must be the id of a user",
        _id_pattern("se"): "must be the id of a session",
        _id_pattern("ch"): "must be the id of a channel",
        _id_pattern("me"): "must be the id of a message",
        _id_pattern("rp"): "must be the id of a report",
        _id_pattern("fi"): "must be the id of a file",
        _id_pattern("up"): "must be the id of an upload",
        TEXT_PATTERN: "must be text without control characters",
        REACTION_PATTERN: "must be 1 to 64 characters without spaces and control characters",
        KEY_PATTERN: "must be 1 to 64 printable ASCII characters",
        _OPAQUE_PATTERN: "must be printable ASCII without spaces",
    }
)
"""What each pattern asks for, in words: nobody should have to read a regex in an error."""
