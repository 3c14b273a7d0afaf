"""docs/asvs.md lists each requirement once and names only tests that exist."""

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = (TESTS.parent / "docs" / "asvs.md").read_text()
ROWS = re.findall(r"^\| (\d+\.\d+\.\d+) \| (\d) \| [^|]+ \| ([^|]+) \| ([^|]+) \|$", PAGE, re.M)
# Of ASVS 5.0.0: https://github.com/OWASP/ASVS/tree/master/5.0
LEVEL_1 = 70
LEVEL_2 = 183


def test_every_proof_on_the_asvs_page_exists() -> None:
    named = set(re.findall(r"`(test_\w+(?:\.py)?)`", PAGE))
    files = list(TESTS.rglob("test_*.py"))
    there = {file.name for file in files}
    for file in files:
        there |= set(re.findall(r"^(?:async )?def (test_\w+)", file.read_text(), re.MULTILINE))
    assert len(named) > 100
    assert named - there == set()


def test_every_requirement_of_both_levels_is_listed_once() -> None:
    rows = [id for id, *_ in ROWS]
    others = [
        id
        for id in re.findall(r"\b\d+\.\d+\.\d+\b", _after("n/a", "Left for"))
        if id not in rows  # a reference to a row
    ]
    listed = rows + others
    assert len(listed) == len(set(listed))
    assert len(listed) == LEVEL_1 + LEVEL_2
    assert [level for _, level, *_ in ROWS].count("1") == LEVEL_1


def test_every_row_has_a_state_and_what_is_met_has_a_proof_or_a_page() -> None:
    assert len(ROWS) == PAGE.count("\n| ") - PAGE.count("\n| id |")
    for id, _, state, proof in ROWS:
        assert re.match(r"met\b|n/a\b|not met\b", state), id
        if re.match(r"met\b", state) and proof == "-":
            assert ".md" in state or "see " in state, id


def test_the_summary_names_what_is_not_met_of_level_1() -> None:
    summary = PAGE.partition("## Level 1 that is not met")[2].partition("\n## ")[0]
    unmet = {id for id, level, state, _ in ROWS if level == "1" and state.startswith("not met")}
    assert set(re.findall(r"\d+\.\d+\.\d+", summary)) == unmet


def _after(*starts: str) -> str:
    """The paragraphs that begin with one of `starts`, or are the last chapter's."""
    paragraphs = PAGE.split("\n\n")
    return "\n".join(one for one in paragraphs if one.startswith((*starts, "Nothing of level 1")))
