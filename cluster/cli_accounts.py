"""The commands about accounts, tokens, the audit log, mails and secrets, for `cli.py` to add."""

from typing import Final

import click

from streamhub.cluster.cli_records import audit_group, mail
from streamhub.cluster.cli_secrets import reseal
from streamhub.cluster.cli_tokens import token_group
from streamhub.cluster.cli_users import user_group

ACCOUNT_COMMANDS: Final[tuple[click.Command, ...]] = (
    user_group,
    token_group,
    audit_group,
    mail,
    reseal,
)
