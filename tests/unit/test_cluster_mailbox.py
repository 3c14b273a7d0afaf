"""Where the development mailbox may be shown."""

from pathlib import Path
from typing import cast

import pytest

from streamhub.cluster.clock import SystemClock
from streamhub.cluster.mailing import mailbox
from streamhub.config import Secret, load_settings
from streamhub.persistence.postgres import Pool


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, True),
        ({"STREAMHUB_ADMIN_HOST": "127.0.0.2"}, True),
        ({"STREAMHUB_ADMIN_HOST": "::1"}, True),
        ({"STREAMHUB_ADMIN_HOST": "localhost"}, True),
        ({"STREAMHUB_ADMIN_HOST": "0.0.0.0"}, False),  # noqa: S104 - not bound
        ({"STREAMHUB_ADMIN_HOST": "::"}, False),
        ({"STREAMHUB_ADMIN_HOST": "192.0.2.1"}, False),
        ({"STREAMHUB_ADMIN_HOST": "node.example"}, False),
        ({"STREAMHUB_SMTP_URL": "smtp://mail.example"}, False),
    ],
)
def test_only_a_private_admin_port_without_a_mail_server_has_the_mailbox(
    tmp_path: Path, environment: dict[str, str], shown: bool
) -> None:
    settings = load_settings(environment, cwd=tmp_path)
    pool = cast(Pool, None)  # nothing is asked of it
    found = mailbox(settings, pool, Secret("s" * 32), SystemClock())
    assert (found is not None) == shown
