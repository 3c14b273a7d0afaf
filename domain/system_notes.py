"""Messages of the system: in small channels the history says who came and who went."""

from msgspec.structs import replace

from streamhub.domain.changes import Committed, MembersChange, MessageCreated
from streamhub.domain.channels import Message
from streamhub.domain.drafts import NoteDraft


def with_note(committed: Committed, draft: NoteDraft, at: int) -> Committed:
    """A committed change of members, followed by a message about those who changed: it takes the
    next rev and seq, and counts as unread for nobody. As it was, if none of them did."""
    change = committed.change
    assert isinstance(change, MembersChange)  # noqa: S101 - for the type checker
    changed = {member.user for member in change.members}
    users = tuple(user for user in draft.note.users if user in changed)
    if not users:
        return committed
    head = replace(committed.head, rev=committed.head.rev + 1, seq=committed.head.seq + 1)
    message = Message(
        id=draft.id,
        channel=change.channel,
        seq=head.seq,
        nth=head.nth,
        rev=head.rev,
        author=draft.author,
        text="",
        created_at=at,
        system=replace(draft.note, users=users),
    )
    created = MessageCreated(channel=change.channel, rev=head.rev, message=message)
    return replace(committed, head=head, also=(created,))
