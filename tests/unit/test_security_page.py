"""docs/security.md names only tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "security.md"


def test_every_proof_on_the_security_page_exists() -> None:
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", PAGE.read_text()))
    files = list(TESTS.rglob("test_*.py"))
    there = {file.name for file in files}
    for file in files:
        there |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    assert len(named) > 50
    assert named - there == set()
