"""How a read marker moves: forward as one reads, and back when one says "unread from here"."""

import msgspec


class Marking(msgspec.Struct, frozen=True):
    """A marker at seq x becomes max(min(x, at_most), at_least); without `at_most`, it stays above.

    Made one after the other, two of them are one again.
    """

    at_least: int = 0
    at_most: int | None = None

    def then(self, later: "Marking") -> "Marking":
        """This one, and the later one after it."""
        bounds = [bound for bound in (self.at_most, later.at_most) if bound is not None]
        kept = self.at_least
        if later.at_most is not None:
            kept = min(kept, later.at_most)
        return Marking(max(kept, later.at_least), min(bounds, default=None))

    def of(self, seq: int) -> int:
        """Where a marker at `seq` is moved to."""
        return max(seq if self.at_most is None else min(seq, self.at_most), self.at_least)


def read_up_to(seq: int) -> Marking:
    """Everything up to `seq` is read; nothing becomes unread."""
    return Marking(at_least=seq)


def unread_from(seq: int) -> Marking:
    """`seq` and all after it are unread; nothing becomes read."""
    return Marking(at_most=seq - 1)
