"""Who is in a channel, who may not be, and when those who wrote last did."""

from collections.abc import Iterable

from streamhub.domain.channels import (
    Channel,
    Loaded,
    Member,
    MembersChange,
    MembersJoined,
    MembersLeft,
    MembersUpdated,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.domain.membership import moderates


class Roster:
    """As committed: `take` applies a change."""

    def __init__(self, loaded: Loaded) -> None:
        self.members = {member.user: member for member in loaded.members}
        self.banned = {*loaded.banned}

    def take(self, change: MembersChange) -> None:
        match change:
            case MembersJoined(members=members):
                self.members.update((member.user, member) for member in members)
            case MembersLeft(members=members):
                for member in members:
                    self.members.pop(member.user, None)
            case MembersUpdated(members=members):
                self.members.update((m.user, m) for m in members if m.left_at is None)
        for member in change.members:
            (self.banned.discard if member.banned_at is None else self.banned.add)(member.user)


class SlowMode:
    """Holds members to their channel's pace. Knows who wrote when only while that is slow."""

    def __init__(self, wrote_at: Iterable[tuple[UserId, int]]) -> None:
        """Times in ms."""
        self._wrote_at = dict(wrote_at)

    def __len__(self) -> int:
        return len(self._wrote_at)

    def check(self, channel: Channel, member: Member, now_ms: int, *, writing: bool) -> None:
        """`writing`: another message of the member waits for its commit. Raises
        Refused("slow_mode")."""
        pause_ms = channel.rules.slow_mode_s * 1000
        if not pause_ms or moderates(member.role):
            return
        wrote_at = now_ms if writing else self._wrote_at.get(member.user)
        if wrote_at is not None and wrote_at + pause_ms > now_ms:
            detail = f"one message in {channel.rules.slow_mode_s} s is what this channel takes"
            left_ms = min(pause_ms, wrote_at + pause_ms - now_ms)
            raise Refused("slow_mode", detail, retry_after_ms=left_ms)

    def wrote(self, channel: Channel, user: UserId, at_ms: int) -> None:
        """A message of theirs is committed."""
        pause_ms = channel.rules.slow_mode_s * 1000
        if not pause_ms:
            self._wrote_at.clear()
            return
        self._wrote_at.pop(user, None)
        self._wrote_at[user] = at_ms  # the oldest come first
        while next(iter(self._wrote_at.values())) + pause_ms <= at_ms:
            self._wrote_at.pop(next(iter(self._wrote_at)))
