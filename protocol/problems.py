"""Every problem code: what HTTP status it has, what it is called, whether trying again may help.

A `code` is stable for ever and is what programs compare; titles are for people and may change.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec


class ProblemKind(msgspec.Struct, frozen=True):
    """What all problems of one code share.

    `retry`: the same request, unchanged, may succeed later. Send it again with the same key, after
    `retry_after_ms` where the problem says so.
    """

    status: int
    title: str
    retry: bool = False


PROBLEMS: Final[Mapping[str, ProblemKind]] = MappingProxyType(
    {
        "bad_request": ProblemKind(400, "The request is not valid"),
        "unknown_field": ProblemKind(400, "The request has a field that is not known"),
        "invalid_text": ProblemKind(400, "The text has characters that are not allowed"),
        "duplicate_i": ProblemKind(400, "A command with this number is still unanswered"),
        "unauthenticated": ProblemKind(401, "Sign in first"),
        "token_expired": ProblemKind(401, "The token has expired"),
        "second_factor_required": ProblemKind(401, "A second factor is required"),
        "forbidden": ProblemKind(403, "This is not allowed"),
        "suspended": ProblemKind(403, "The account is suspended"),
        "muted": ProblemKind(403, "You are muted here"),
        "not_a_member": ProblemKind(403, "You are not a member"),
        "not_found": ProblemKind(404, "There is no such thing, or it is not yours"),
        "conflict": ProblemKind(409, "This conflicts with what is there"),
        "key_reused": ProblemKind(409, "The key was used with another request"),
        "channel_archived": ProblemKind(409, "The channel is archived"),
        "offset_conflict": ProblemKind(409, "The offset is not where the upload stands"),
        "stale_term": ProblemKind(409, "Another connection took the upload over"),
        "sealing": ProblemKind(409, "The upload is being sealed"),
        "gone": ProblemKind(410, "This is gone"),
        "too_large": ProblemKind(413, "The request is too large"),
        "quota_exceeded": ProblemKind(413, "Storage quota reached"),
        "length_exceeded": ProblemKind(413, "More bytes than were announced"),
        "unsupported_type": ProblemKind(415, "This type is not supported"),
        "checksum_mismatch": ProblemKind(422, "The checksum does not match"),
        "limit_reached": ProblemKind(422, "A limit is reached"),
        "credit_exceeded": ProblemKind(422, "More bytes than there was credit for"),
        "quarantined": ProblemKind(423, "The file is in quarantine"),
        "rate_limited": ProblemKind(429, "Too many requests", retry=True),
        "slow_mode": ProblemKind(429, "The channel is in slow mode", retry=True),
        "internal": ProblemKind(500, "Something went wrong on our side"),
        "unavailable": ProblemKind(503, "The service is not available right now", retry=True),
        "overloaded": ProblemKind(503, "The service is overloaded", retry=True),
        "moved": ProblemKind(503, "Another host answers for this now", retry=True),
        "timeout": ProblemKind(504, "The service did not answer in time", retry=True),
        "unknown": ProblemKind(504, "It is not known whether this was done", retry=True),
    }
)
