"""All settings as one list, for the reader and the reference."""

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from streamhub.config.rules import Rule
from streamhub.config.settings import (
    AuthSettings,
    ChatSettings,
    ClusterSettings,
    DatabaseSettings,
    EdgeSettings,
    FileSettings,
    LimitSettings,
    LoggingSettings,
    MailSettings,
    ObjectSettings,
    OpenIdSettings,
    RedisSettings,
    ServerSettings,
)

PREFIX: Final = "STREAMHUB_"
CONFIG_VARIABLE: Final = "STREAMHUB_CONFIG"
DEFAULT_SOURCE: Final = "default"

GROUPS: Final[Mapping[str, type]] = {
    "server": ServerSettings,
    "database": DatabaseSettings,
    "redis": RedisSettings,
    "objects": ObjectSettings,
    "edge": EdgeSettings,
    "chat": ChatSettings,
    "files": FileSettings,
    "auth": AuthSettings,
    "limits": LimitSettings,
    "cluster": ClusterSettings,
    "openid": OpenIdSettings,
    "mail": MailSettings,
    "logging": LoggingSettings,
}


@dataclass(frozen=True, slots=True)
class Known:
    """One setting as the reader and the reference see it."""

    group: str
    name: str
    default: Any
    rule: Rule[Any]
    meaning: str
    variable: str

    @property
    def key(self) -> str:
        """`group.field`, as in `Settings.sources`."""
        return f"{self.group}.{self.name}"

    @property
    def flag(self) -> str:
        """The name among `overrides`: that of the variable, `json_logs` for STREAMHUB_JSON_LOGS."""
        return self.variable.removeprefix(PREFIX).lower()

    @property
    def file_variable(self) -> str:
        """The variable that names a file with the value; empty for what is no secret."""
        return f"{self.variable}_FILE" if self.rule.is_secret else ""


def _known() -> Iterator[Known]:
    for group, cls in GROUPS.items():
        for field in dataclasses.fields(cls):
            meta = field.metadata
            variable = PREFIX + (meta["variable"] or field.name.upper())
            yield Known(group, field.name, field.default, meta["rule"], meta["meaning"], variable)


KNOWN: Final = tuple(_known())
