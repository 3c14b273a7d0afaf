"""The settings in words."""

from pathlib import Path

from streamhub.config import describe, load_settings, reference
from streamhub.config.catalogue import KNOWN

PAGE = Path(__file__).parents[2] / "docs" / "configuration.md"


def test_the_documentation_is_the_output_of_the_reference() -> None:
    assert PAGE.read_text() == reference(), (
        "write the page again: streamhub config --reference > docs/configuration.md"
    )


def test_every_setting_is_in_the_reference_with_its_variable_and_meaning() -> None:
    page = reference()

    for known in KNOWN:
        assert f"| `{known.name}` | `{known.variable}`" in page
        assert known.meaning in page


def test_every_variable_and_flag_names_one_setting() -> None:
    assert len({known.variable for known in KNOWN}) == len(KNOWN)
    assert len({known.flag for known in KNOWN}) == len(KNOWN)


def test_every_default_obeys_its_own_rule() -> None:
    for known in KNOWN:
        if known.default not in (None, "", ()):
            assert known.rule.parse(str(known.default)) == known.default, known.key


def test_the_description_tells_where_each_value_came_from(tmp_path: Path) -> None:
    settings = load_settings(
        {"STREAMHUB_PORT": "9000", "STREAMHUB_ALLOWED_ORIGINS": "https://a.example"},
        overrides={"json_logs": True},
        cwd=tmp_path,
    )

    lines = [" ".join(line.split()) for line in describe(settings).splitlines()]

    assert "port = 9000 # STREAMHUB_PORT" in lines
    assert "json = true # --json-logs" in lines
    assert 'allowed_origins = ["https://a.example"] # STREAMHUB_ALLOWED_ORIGINS' in lines
    assert "url = (absent) # default" in lines
    assert len([line for line in lines if "#" in line]) == len(KNOWN)
