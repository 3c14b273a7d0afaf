"""Secrets show themselves to nobody who does not ask."""

from pathlib import Path

import pytest

from streamhub.config import Secret, describe, load_settings

CANARY = "canary-canary-canary-canary-canary"


def test_a_secret_is_read_on_purpose_only() -> None:
    secret = Secret(CANARY)

    assert secret.reveal() == CANARY
    assert f"{secret}{secret!r}{[secret]}{secret!s:>80}".count("canary") == 0


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:canary@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u@h/d", "postgresql://u@h/d"),
        ("postgresql:///d?host=/tmp&password=canary", "postgresql:///d?host=/tmp&password=***"),
        ("redis://:canary@h:6379/0", "redis://:***@h:6379/0"),
        ("http://KEY:canary@h/b?region=r", "http://KEY:***@h/b?region=r"),
        ("postgresql://u:canary@with/at@h/d", "***"),
        ("postgresql://u:can@ary@h/d", "postgresql://u:***@h/d"),
        ("http://[canary", "***"),
        ("canary://", "***"),
        ("u:canary@h", "***"),
        ("canary", "***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert Secret(url).shown == shown


def test_no_secret_is_in_the_settings_words(tmp_path: Path) -> None:
    settings = load_settings(
        {
            "STREAMHUB_AUTH_SECRET": CANARY,
            "STREAMHUB_CLUSTER_SECRET": CANARY,
            "STREAMHUB_DATABASE_URL": "postgresql://streamhub:canary@db/streamhub",
            "STREAMHUB_REDIS_URL": "redis://:canary@cache",
            "STREAMHUB_S3_URL": "https://KEY:canary@s3.example.com/bucket",
        },
        cwd=tmp_path,
    )

    text = describe(settings)

    assert "canary" not in text + repr(settings) + str(settings)
    assert "postgresql://streamhub:***@db/streamhub" in text
