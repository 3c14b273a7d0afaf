"""Lines in and out of the chat without a terminal, and what may be shown."""

import asyncio
import io

from streamhub.client.chat.screen import PlainScreen, printable


def test_what_could_change_the_terminal_is_not_shown() -> None:
    assert printable("\x1b[2J\x9b2J\u202eabc\rx") == "\ufffd[2J\ufffd2J\ufffdabc\ufffdx"
    assert printable("tab\tand\nline, 日本, 👩‍👩‍👧") == "tab\tand\nline, 日本, 👩‍👩‍👧"


def test_a_second_line_cannot_pass_for_another_message() -> None:
    out = io.StringIO()
    PlainScreen(io.StringIO(), out).message("12:00", "bob", "one\n12:01 <alice> two", own=False)
    assert out.getvalue() == "12:00 <bob> one\n      12:01 <alice> two\n"


async def test_lines_are_read_until_there_are_no_more() -> None:
    screen = PlainScreen(io.StringIO("one\n\ntwo"), io.StringIO())
    async with asyncio.timeout(10):
        assert [await screen.line() for _ in range(4)] == ["one", "", "two", None]


async def test_answers_are_the_next_lines() -> None:
    out = io.StringIO()
    screen = PlainScreen(io.StringIO("secret\n"), out)
    async with asyncio.timeout(10):
        assert await screen.ask("Password", secret=True) == "secret"
        assert await screen.ask("More") is None
    assert out.getvalue().startswith("* Password:\n")
