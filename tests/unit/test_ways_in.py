"""What a client is told of how people come in."""

from pathlib import Path

import pytest

from streamhub.cluster.accounts import ways_in
from streamhub.config import load_settings


@pytest.mark.parametrize(
    ("environ", "registration", "confirms"),
    [
        ({}, "open", False),
        ({"STREAMHUB_REGISTRATION": "closed"}, "closed", False),
        ({"STREAMHUB_SMTP_URL": "smtp://mail.example"}, "open", True),
        (
            {"STREAMHUB_SMTP_URL": "smtp://mail.example", "STREAMHUB_CONFIRM_EMAIL": "no"},
            "open",
            False,
        ),
        ({"STREAMHUB_CONFIRM_EMAIL": "yes"}, "open", True),
    ],
)
def test_it_is_what_the_settings_say(
    environ: dict[str, str], registration: str, confirms: bool
) -> None:
    told = ways_in(load_settings(environ, cwd=Path("/nonexistent")))
    assert told == {"registration": registration, "confirms_email": confirms, "providers": []}


def test_a_provider_is_named() -> None:
    environ = {
        "STREAMHUB_OPENID_ISSUER": "https://id.example",
        "STREAMHUB_OPENID_NAME": "Example ID",
        "STREAMHUB_OPENID_CLIENT_ID": "chat",
        "STREAMHUB_OPENID_CLIENT_SECRET": "not shown",
        "STREAMHUB_OPENID_REDIRECTS": "https://chat.example/back",
    }
    told = ways_in(load_settings(environ, cwd=Path("/nonexistent")))
    assert told["providers"] == [{"name": "Example ID", "issuer": "https://id.example"}]
