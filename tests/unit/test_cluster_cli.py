"""The command's words: versions, settings, and errors in one line."""

from pathlib import Path

import pytest

from streamhub import __version__
from streamhub.cluster.cli import INTERRUPTED, main
from streamhub.cluster.operator_commands import NOT_RUNNING
from streamhub.cluster.ports import PortTaken
from streamhub.config import reference


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings but those of the test."""
    monkeypatch.chdir(tmp_path)
    for variable in ("STREAMHUB_DATABASE_URL", "STREAMHUB_PORT"):
        monkeypatch.delenv(variable, raising=False)


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit code of `streamhub ARGUMENTS`."""
    monkeypatch.setattr("sys.argv", ["streamhub", *arguments])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def test_it_tells_its_version(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "--version") == 0
    assert __version__ in capsys.readouterr().out


def test_it_prints_effective_settings_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("STREAMHUB_DATABASE_URL", "postgresql://u:swordfish@db/streamhub")
    assert run(monkeypatch, "config") == 0
    said = capsys.readouterr().out
    assert "postgresql://u:***@db/streamhub" in said
    assert "swordfish" not in said


def test_it_prints_the_reference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "config", "--reference") == 0
    assert capsys.readouterr().out == reference()


def test_a_wrong_setting_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "up", "--port", "70000") == 1
    assert capsys.readouterr().err == (
        "streamhub: --port must be a port between 0 and 65535, not '70000'\n"
    )


def test_an_unknown_option_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "up", "--prot", "80") == 2
    assert "--prot" in capsys.readouterr().err


def test_migrating_needs_a_database(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, "migrate", "--plan") == 2
    assert "STREAMHUB_DATABASE_URL is not set" in capsys.readouterr().err


def test_status_of_a_folder_where_nothing_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(monkeypatch, "status", "--data", str(tmp_path / "x")) == NOT_RUNNING
    assert "does not run" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (PortTaken("Port 1 is in use"), 1, "streamhub: Port 1 is in use\n"),
        (KeyboardInterrupt(), INTERRUPTED, "streamhub: interrupted\n"),
    ],
)
def test_errors_a_user_can_act_on_are_one_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("streamhub.cluster.cli.describe", fail)
    assert run(monkeypatch, "config") == code
    assert capsys.readouterr().err.lstrip() == said


def test_a_defect_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("streamhub.cluster.cli.describe", fail)
    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, "config")
