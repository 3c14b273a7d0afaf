"""One record per event, whatever is in it, and nothing private in any."""

import json
import logging
from typing import Any

import pytest
import structlog

from streamhub.telemetry import configure_logging


def records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_json_gives_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True, level="info", host="ho_1")

    structlog.get_logger("streamhub.edge").info("opened\nfaked", name="a\r\n{}\u2028b", number=3)

    (record,) = records(capsys)
    assert record.pop("timestamp").endswith("Z")
    assert record == {
        "event": "opened\nfaked",
        "name": "a\r\n{}\u2028b",
        "number": 3,
        "level": "info",
        "logger": "streamhub.edge",
        "host": "ho_1",
    }


def test_a_terminal_gets_one_line_without_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(json=False, level="info")

    structlog.get_logger().info(
        "opened\n2026 faked", name="\x1b[2Jgone", other=["\n2026 faked", object], word="\x07"
    )

    (line,) = capsys.readouterr().err.splitlines()
    assert line.isprintable()


def test_the_level_is_the_least_that_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True, level="warning")

    structlog.get_logger().info("quiet")
    logging.getLogger("asyncio").info("quiet")
    structlog.get_logger().warning("loud")

    assert [record["event"] for record in records(capsys)] == ["loud"]


@pytest.mark.parametrize("name", ["aiohttp.server", "asyncio", "ray", "anything"])
def test_loggers_of_the_standard_library_look_the_same(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(json=True, level="info")

    with structlog.contextvars.bound_contextvars(request_id="r1"):
        logging.getLogger(name).warning("from %s", "a\nb")

    (record,) = records(capsys)
    assert record["event"] == "from a\nb"
    assert record["request_id"] == "r1"
    assert record["logger"] == name


def test_configuring_again_does_not_print_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=False, level="info")
    configure_logging(json=True, level="info")

    structlog.get_logger().info("once")

    assert len(records(capsys)) == 1


@pytest.mark.parametrize("as_json", [True, False])
def test_nothing_private_is_logged(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=as_json, level="info")

    structlog.get_logger().info(
        "mail from canary@example.com",
        password="canary",
        access_token="canary",
        accessToken="canary",
        text="canary",
        email="canary",
        Authorization="Bearer canary",
        cluster_secret="canary",
        nested={"refresh_token": "canary", "items": [{"newPassword": "canary"}]},
        raw=b"canary",
        url="postgresql://u:canary@h/d",
        header="eyJhbGciOiJIUzI1NiJ9.canary.canary",
        to=["canary@example.com"],
        error=ValueError("for canary@example.com\nDETAIL: canary"),
    )
    logging.getLogger("aiohttp").warning("mail from %s", "canary@example.com")

    assert "canary" not in capsys.readouterr().err


def test_what_is_not_private_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True, level="info")

    structlog.get_logger().info("x", context="a", key="k", textual="b", took_ms=1.5, ok=None)

    (record,) = records(capsys)
    assert (record["context"], record["key"], record["textual"]) == ("a", "k", "b")
    assert (record["took_ms"], record["ok"]) == (1.5, None)


def fail() -> None:
    canary_in_a_local = "canary-local"
    try:
        raise KeyError(canary_in_a_local[:3])
    except KeyError as error:
        raise ValueError("cannot\nDETAIL: canary row") from error


@pytest.mark.parametrize("as_json", [True, False])
def test_an_exception_is_part_of_its_record(
    as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(json=as_json, level="info")

    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("failed")

    text = capsys.readouterr().err
    exception = json.loads(text)["exception"] if as_json else text.partition("\n")[2]
    assert all(line.startswith("    ") for line in exception.splitlines())
    assert "KeyError" in exception
    assert "ValueError: cannot" in exception
    assert "in fail" in exception
    assert "canary" not in exception


def test_the_members_of_an_exception_group_are_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(json=True, level="info")
    group = ExceptionGroup("two", [ValueError("one"), OSError("other")])

    logging.getLogger("asyncio").error("failed", exc_info=group)

    (record,) = records(capsys)
    assert "| ValueError: one" in record["exception"]
    assert "| OSError: other" in record["exception"]
