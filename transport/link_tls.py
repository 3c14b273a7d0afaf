"""TLS among hosts: both sides show a certificate of the cluster's own authority.

Host names are not checked, since addresses of hosts change; who is who, the challenge of the link
and the tokens of the private site say. Files that change are read again: connections made from then
on use them.
"""

import ssl
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import aiohttp
import structlog

from streamhub.config import ClusterSettings
from streamhub.transport.tls_files import TlsFiles, load_pair, unfit

log = structlog.get_logger(__name__)

_CERT: Final = "STREAMHUB_LINK_TLS_CERT"
_KEY: Final = "STREAMHUB_LINK_TLS_KEY"
_CA: Final = "STREAMHUB_LINK_TLS_CA"


class _Contexts(NamedTuple):
    server: ssl.SSLContext
    client: ssl.SSLContext


class LinkTls:
    """The certificates of one host. Raises SettingsError for files that will not do."""

    def __init__(self, cert: Path, key: Path, ca: Path) -> None:
        self._cert, self._key, self._ca = cert, key, ca
        self._contexts = TlsFiles("link", {_CERT: cert, _KEY: key, _CA: ca}, self._load)
        self.server: Final = self._contexts.current.server
        """For a site that listens; it keeps up with the files by itself."""

    @classmethod
    def of(cls, settings: ClusterSettings) -> Self | None:
        """As the settings say; None when they say nothing. Raises SettingsError."""
        cert, key, ca = settings.link_tls_cert, settings.link_tls_key, settings.link_tls_ca
        return cls(cert, key, ca) if cert and key and ca else None

    @property
    def client(self) -> ssl.SSLContext:
        """For a connection that is made now."""
        return self._contexts.current.client

    def explain(self, error: Exception) -> str:
        """Why a connection failed, in words of who set the certificates up."""
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            return f"it shows no certificate of the authority in {_CA}: {error.certificate_error}"
        if "WRONG_VERSION_NUMBER" in str(error) or "RECORD_LAYER" in str(error):
            return f"it does not speak TLS; is {_CERT} set there? ({error})"
        if "ALERT" in str(error) or isinstance(error, aiohttp.ServerDisconnectedError):
            return f"it hung up. If it does not take the certificate in {_CERT}, its log says so"
        return str(error) or repr(error)

    # -- private ----------------------------------------------------------------------------

    def _load(self) -> _Contexts:
        server = self._context(ssl.PROTOCOL_TLS_SERVER)
        server.sslobject_class = _Accepted
        server.sni_callback = self._use_current
        return _Contexts(server, self._context(ssl.PROTOCOL_TLS_CLIENT))

    def _context(self, protocol: int) -> ssl.SSLContext:
        context = ssl.SSLContext(protocol)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.check_hostname = False
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(self._ca)
        except (OSError, ValueError) as error:
            raise unfit(_CA, self._ca, "certificates in PEM", error) from error
        load_pair(context, (_CERT, self._cert), (_KEY, self._key))
        return context

    def _use_current(self, connection: ssl.SSLObject, _name: str, used: ssl.SSLContext) -> None:
        """Called for each connection that comes in, before a certificate is shown."""
        current = self._contexts.current.server
        if current is not used:
            connection.context = current


class _Accepted(ssl.SSLObject):
    """A connection that came in. asyncio says nothing of those that are no proper TLS."""

    def do_handshake(self) -> None:
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            log.warning("link.tls_refused", error=_said(error))
            raise


def _said(error: Exception) -> Any:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"the caller's certificate is not of the authority in {_CA}: {error.verify_message}"
    reason = getattr(error, "reason", None)
    if reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE":
        return "the caller shows no certificate"
    if reason in ("HTTP_REQUEST", "WRONG_VERSION_NUMBER"):
        return f"the caller does not speak TLS; is {_CERT} set there?"
    return str(error)
