"""What counts as a mention, and where it is."""

import pytest

from streamhub.domain.channels import Mention
from streamhub.domain.ids import UserId
from streamhub.domain.mentions import MAX_MENTIONS, handles_in, mentions_in
from streamhub.domain.people import Person

BOB = Person(id=UserId("us_bob"), handle="bob", name="Bob")
ANN = Person(id=UserId("us_ann"), handle="ann.lee", name="Ann")
PEOPLE = {"bob": BOB, "ann.lee": ANN}


@pytest.mark.parametrize(
    ("text", "handles"),
    [
        ("hi @bob", {"bob"}),
        ("hi @bob.", {"bob"}),
        ("(@bob), @ann.lee!", {"bob", "ann.lee"}),
        ("@BOB and @Bob", {"bob"}),
        ("bob@example.org", set()),
        ("@@bob", set()),
        ("@b", set()),
        ("@", set()),
        ("no mention", set()),
        ("\U0001f600@bob", {"bob"}),
        ("@bob-", set()),
        ("@bob_", set()),
        ("@böb", set()),
    ],
)
def test_handles_are_found_where_a_person_would_see_them(text: str, handles: set[str]) -> None:
    assert handles_in(text) == handles


def test_offsets_count_code_points() -> None:
    text = "\U0001f600 Grüße an @Bob und @ann.lee, nicht an @eve"
    assert mentions_in(text, PEOPLE) == (
        Mention(user=BOB.id, offset=text.index("@Bob"), length=4),
        Mention(user=ANN.id, offset=text.index("@ann"), length=8),
    )


def test_more_than_enough_mentions_stay_text() -> None:
    text = " ".join(f"@user{n}" for n in range(MAX_MENTIONS + 10))
    assert len(handles_in(text)) == MAX_MENTIONS
