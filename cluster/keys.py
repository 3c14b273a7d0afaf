"""The secret of tokens and mails, and the keys that sign tokens, as the settings name them."""

from dataclasses import replace

from streamhub.config import AuthSettings, Secret, SettingsError
from streamhub.domain.token_keys import MIN_KEY_BYTES, TokenKeys

_VARIABLE = "STREAMHUB_TOKEN_KEYS"


def with_others(auth: AuthSettings, secret: Secret) -> Secret:
    """`secret`, and what is accepted in its place."""
    return replace(secret, others=tuple(other.reveal() for other in auth.other_secrets))


def check_token_keys(auth: AuthSettings) -> None:
    """Raises SettingsError for a file that will not do."""
    token_keys_of(auth, Secret("0" * MIN_KEY_BYTES))


def token_keys_of(auth: AuthSettings, secret: Secret) -> TokenKeys:
    """The keys of a host. Raises SettingsError for a file that will not do."""
    if auth.token_keys is None:
        return TokenKeys(secret)
    try:
        pem = auth.token_keys.read_bytes()
    except OSError as error:
        raise SettingsError(
            f"{_VARIABLE}: cannot read {auth.token_keys}: {error.strerror}"
        ) from error
    try:
        return TokenKeys(secret, pem)
    except ValueError as error:
        raise SettingsError(
            f"{_VARIABLE} ({auth.token_keys}) must hold Ed25519 keys in PEM: {error}"
        ) from error
