"""Frozen settings grouped by consumer, and the one reader of environment and file."""

from streamhub.config.rates import Rate
from streamhub.config.reader import SettingsError, load_settings
from streamhub.config.reference import describe, reference
from streamhub.config.secret import Secret
from streamhub.config.settings import (
    AuthSettings,
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
    Settings,
)

__all__ = [
    "AuthSettings",
    "ClusterSettings",
    "DatabaseSettings",
    "EdgeSettings",
    "FileSettings",
    "LimitSettings",
    "LoggingSettings",
    "MailSettings",
    "ObjectSettings",
    "OpenIdSettings",
    "Rate",
    "RedisSettings",
    "Secret",
    "ServerSettings",
    "Settings",
    "SettingsError",
    "describe",
    "load_settings",
    "reference",
]
