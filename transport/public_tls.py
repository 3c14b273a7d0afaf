"""TLS of the public port, when no proxy speaks it. Changed files are read again: connections made
from then on are shown the new certificate."""

import ssl
from pathlib import Path
from typing import Final, Self

from streamhub.config import ServerSettings
from streamhub.transport.tls_files import TlsFiles, load_pair

CERT: Final = "STREAMHUB_TLS_CERT"
KEY: Final = "STREAMHUB_TLS_KEY"

_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"
"""Of TLS 1.2: forward secret and authenticated, all that is left of it. 1.3 has no others."""


class PublicTls:
    """The certificate of the public port. Raises SettingsError for files that will not do."""

    def __init__(self, cert: Path, key: Path) -> None:
        self._cert, self._key = cert, key
        self._context = TlsFiles("public_port", {CERT: cert, KEY: key}, self._load)
        self.server: Final = self._context.current
        """For a site that listens; it keeps up with the files by itself."""

    @classmethod
    def of(cls, settings: ServerSettings) -> Self | None:
        """As the settings say; None when they say nothing. Raises SettingsError."""
        cert, key = settings.tls_cert, settings.tls_key
        return cls(cert, key) if cert and key else None

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(_CIPHERS)
        context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
        context.set_alpn_protocols(["http/1.1"])
        load_pair(context, (CERT, self._cert), (KEY, self._key))
        context.sni_callback = self._use_current
        return context

    def _use_current(self, connection: ssl.SSLObject, _name: str, used: ssl.SSLContext) -> None:
        """Called for each connection that comes in, before a certificate is shown."""
        current = self._context.current
        if current is not used:
            connection.context = current
