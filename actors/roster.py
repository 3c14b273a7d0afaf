"""Who is in a channel, who may not be, and when those who wrote last did."""

from collections.abc import Iterable

from streamhub.domain.changes import MembersChange, MembersJoined, MembersLeft, MembersUpdated
from streamhub.domain.channels import Channel, Loaded, Member, Wrote
from streamhub.domain.errors import Refused
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

    def __init__(self, wrote: Iterable[Wrote]) -> None:
        self._wrote = {one.user: one for one in sorted(wrote, key=lambda one: one.at)}

    def __len__(self) -> int:
        return len(self._wrote)

    def check(
        self, channel: Channel, member: Member, key: str, now_ms: int, *, writing: bool
    ) -> None:
        """Whether the member may post by that key now; what is there already may be sent again.
        `writing`: another message of the member waits for its commit. Raises
        Refused("slow_mode")."""
        pause_ms = channel.rules.slow_mode_s * 1000
        if not pause_ms or moderates(member.role):
            return
        last = self._wrote.get(member.user)
        if last is not None and last.key == key:
            return
        wrote_at = now_ms if writing else last.at if last is not None else None
        if wrote_at is not None and wrote_at + pause_ms > now_ms:
            detail = f"one message in {channel.rules.slow_mode_s} s is what this channel takes"
            left_ms = min(pause_ms, wrote_at + pause_ms - now_ms)
            raise Refused("slow_mode", detail, retry_after_ms=left_ms)

    def take(self, channel: Channel, wrote: Wrote) -> None:
        """It is committed."""
        pause_ms = channel.rules.slow_mode_s * 1000
        if not pause_ms:
            self._wrote.clear()
            return
        self._wrote.pop(wrote.user, None)
        self._wrote[wrote.user] = wrote  # the oldest come first
        while (oldest := next(iter(self._wrote.values()))).at + pause_ms <= wrote.at:
            del self._wrote[oldest.user]
