"""docs/protocol.md is what the tables say."""

from pathlib import Path

from streamhub.protocol.close_codes import CloseCode
from streamhub.protocol.problems import PROBLEMS
from streamhub.protocol.reference import reference
from streamhub.protocol.tables import COMMANDS, EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "protocol.md"


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), (
        "run: python -m streamhub.protocol.reference > docs/protocol.md"
    )


def test_the_page_names_everything() -> None:
    page = reference()
    for name in (*COMMANDS, *EVENTS):
        assert f"### `{name}`\n" in page
    for code in PROBLEMS:
        assert f"| `{code}` |" in page
    for close_code in CloseCode:
        assert f"| {close_code.value} | {close_code.name.lower()} |" in page


def test_every_link_leads_to_a_section() -> None:
    page = reference()
    links = {part.split(")")[0] for part in page.split("](#")[1:]}
    sections = {line[4:].lower() for line in page.splitlines() if line.startswith("### ")}
    assert links <= sections
