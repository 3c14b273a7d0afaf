"""The tables of close codes and problem codes."""

import re

import pytest

from streamhub.protocol.close_codes import CloseCode, reason, reconnects
from streamhub.protocol.problems import PROBLEMS


@pytest.mark.parametrize("code", CloseCode)
def test_codes_below_4500_reconnect_and_the_others_do_not(code: CloseCode) -> None:
    assert reconnects(code) is (code < 4500)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (4099, True),
        (4499, True),
        (4500, False),
        (4999, False),
        (5000, False),
        (1000, False),
        (1001, True),
        (1002, False),
        (1006, True),
        (1011, False),
        (1012, True),
        (1013, True),
    ],
)
def test_unknown_codes_go_by_range_and_four_standard_ones_reconnect(
    code: int, expected: bool
) -> None:
    assert reconnects(code) is expected


def test_the_reason_is_the_code_and_when_to_come_back() -> None:
    assert reason(CloseCode.BAD_FRAME) == "bad_frame"
    assert reason(CloseCode.UNAVAILABLE, 1200) == "unavailable retry_after_ms=1200"


@pytest.mark.parametrize("code", CloseCode)
def test_every_reason_fits_a_close_frame(code: CloseCode) -> None:
    assert len(reason(code, 2**53 - 1).encode("ascii")) <= 123


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_has_a_status_a_title_and_a_lower_case_name(code: str) -> None:
    kind = PROBLEMS[code]
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", code)
    assert 400 <= kind.status <= 599
    assert kind.title
    assert not kind.title.endswith(".")


def test_only_waiting_helps_is_said_of_what_passes_by_itself() -> None:
    assert {code for code, kind in PROBLEMS.items() if kind.retry} == {
        "rate_limited",
        "slow_mode",
        "unavailable",
        "overloaded",
        "moved",
        "timeout",
        "unknown",
    }
