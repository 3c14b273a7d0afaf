"""When a message is to go, as it is typed."""

from datetime import datetime, timedelta, timezone

import pytest

from streamhub.client.chat.command_line import Misuse
from streamhub.client.chat.commands_scheduling import send_at

HERE = timezone(timedelta(hours=2))
NOW = datetime(2026, 12, 24, 17, 30, 15, tzinfo=HERE)


@pytest.mark.parametrize(
    ("word", "at"),
    [
        ("30s", NOW + timedelta(seconds=30)),
        ("90m", NOW + timedelta(minutes=90)),
        ("2h", NOW + timedelta(hours=2)),
        ("3d", NOW + timedelta(days=3)),
        ("18:00", datetime(2026, 12, 24, 18, 0, tzinfo=HERE)),
        ("17:30", datetime(2026, 12, 25, 17, 30, tzinfo=HERE)),
        ("2027-01-01T08:00", datetime(2027, 1, 1, 8, 0, tzinfo=HERE)),
        ("2027-01-01T08:00+00:00", datetime(2027, 1, 1, 10, 0, tzinfo=HERE)),
    ],
)
def test_a_time_is_typed_in_several_ways(word: str, at: datetime) -> None:
    assert send_at(word, NOW) == int(at.timestamp() * 1000)


@pytest.mark.parametrize("word", ["", "soon", "25:00", "17:30:15", "5w", "2026-13-01T00:00", "1h2"])
def test_what_is_no_time_is_said_to_be_none(word: str) -> None:
    with pytest.raises(Misuse, match="say when"):
        send_at(word, NOW)
