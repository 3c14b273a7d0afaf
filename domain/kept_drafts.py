"""Drafts: what somebody is writing and has not sent, the same on all of their devices."""

from typing import Final, Protocol

import msgspec

from streamhub.domain.channels import Page
from streamhub.domain.ids import ChannelId, MessageId, UserId

MAX_DRAFTS: Final = 1_000
"""Of one user."""


class KeptDraft(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a user is writing in a channel, or in reply to the message `thread`, since `updated_at`
    (ms). Without text there is none."""

    channel: ChannelId
    text: str
    updated_at: int
    thread: MessageId | None = None


class DraftStore(Protocol):
    """Raises TryAgain("unavailable")."""

    async def keep(self, user: UserId, draft: KeptDraft) -> bool | None:
        """Put it in the place of the one there is, or take that away if it has no text. False:
        MAX_DRAFTS are kept. None: no such channel or message for the user."""
        ...

    async def drafts(self, user: UserId, cursor: str | None, limit: int) -> Page[KeptDraft]:
        """Of the channels the user is in, the last one written first. Raises
        Refused("bad_request", field="cursor")."""
        ...
