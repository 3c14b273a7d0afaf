"""Replies: what may be replied to, and what a reply does to it."""

from msgspec.structs import replace

from streamhub.domain.changes import Declined
from streamhub.domain.channels import Message
from streamhub.domain.drafts import MessageDraft

_NO_ROOT = Declined(code="not_found", detail="there is no such message here", field="thread")
_GONE = Declined(code="gone", detail="the message was deleted", field="thread")
_A_REPLY = Declined(
    code="bad_request", detail="it is a reply itself: reply to what it replies to", field="thread"
)


def declined(root: Message | None, draft: MessageDraft) -> Declined | None:
    """Why `draft` cannot reply to `root`, if it cannot."""
    if root is None or root.seq <= draft.floor_seq:
        return _NO_ROOT
    if root.deleted_at is not None:
        return _GONE
    return _A_REPLY if root.thread is not None else None


def replied(root: Message, reply: Message) -> Message:
    """`root` with one more reply; its rev is still the old one."""
    return replace(
        root,
        replies=root.replies + 1,
        last_reply_seq=reply.seq,
        last_reply_at=reply.created_at,
    )
