"""The files of one host, put together: uploads, their actors, downloads."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from aiohttp import web

from streamhub.actors.care import UploadCare
from streamhub.actors.cell import Kind
from streamhub.actors.system import ActorSystem
from streamhub.actors.upload import UploadActor
from streamhub.cluster.clock import SystemClock
from streamhub.cluster.membership import Membership
from streamhub.config import FileSettings, Secret
from streamhub.domain.blobs import Blobs
from streamhub.domain.file_messages import FileChanged
from streamhub.domain.ids import HostId, UploadId, UserId
from streamhub.domain.limits import Limiter
from streamhub.domain.messages import inbox_actor
from streamhub.domain.passwords import PasswordHasher
from streamhub.domain.publishing import Publishing
from streamhub.domain.sharing import Sharing
from streamhub.domain.signed_urls import UrlSigner
from streamhub.domain.uploads import Ledger
from streamhub.persistence.files import PostgresFileStore
from streamhub.persistence.folders import PostgresFolderStore
from streamhub.persistence.postgres import Pool
from streamhub.persistence.sharing import PostgresSharingStore
from streamhub.persistence.upload_ledger import PostgresUploadLedger
from streamhub.transport import (
    http_files,
    http_folders,
    http_sharing,
    http_signed,
    http_versions,
    tus,
)
from streamhub.transport.asking import Asking
from streamhub.transport.http_files import Files
from streamhub.transport.intake import Intake, Terms
from streamhub.transport.pieces import Buffers
from streamhub.transport.upload_streams import UploadStreams

_IDLE_S: Final = 60.0


class Filing:
    """What a host does with files."""

    def __init__(self, settings: FileSettings, pool: Pool, blobs: Blobs) -> None:
        self._settings = settings
        self._blobs = blobs
        self._pool = pool
        self._ledger = PostgresUploadLedger(pool)
        self._store = PostgresFileStore(pool)
        self._folders = PostgresFolderStore(pool)
        self._publishing = Publishing(blobs, self._ledger, settings.file_versions)
        self.buffers = Buffers(settings.upload_buffer_bytes)

    @property
    def kind(self) -> Kind:
        """Of upload actors."""

        def make(ledger: Ledger) -> UploadActor:
            return UploadActor(ledger, self._ledger, self._publishing, self._settings.quota_bytes)

        return Kind(lambda key: self._ledger.load(UploadId(key)), make, _IDLE_S)

    def edge(self, asking: Asking, clock: SystemClock) -> "FilingEdge":
        settings = self._settings
        terms = Terms(
            part_bytes=settings.part_bytes,
            max_bytes=settings.max_file_bytes,
            quota_bytes=settings.quota_bytes,
            ttl_ms=settings.upload_ttl_s * 1000,
        )
        intake = Intake(
            asking,
            self._ledger,
            self._blobs,
            self.buffers,
            terms,
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
        )
        area = Files(intake, self._store, self._ledger, self._blobs, clock.now_ms)
        routes = (
            *http_files.routes(area),
            *http_versions.routes(area, self._store, self._blobs, clock.now_ms),
            *http_folders.routes(self._folders, clock.now_ms, clock.random_bytes),
            *tus.routes(intake, area.content_of),
        )
        return FilingEdge(routes=routes, streams=UploadStreams(intake))

    def sharing(
        self,
        hasher: PasswordHasher,
        limiter: Limiter,
        secret: Secret,
        asking: Asking,
        clock: SystemClock,
        public_url: str,
    ) -> list[web.RouteDef]:
        """The routes by which files are shared."""
        area = Sharing(
            PostgresSharingStore(self._pool),
            hasher,
            limiter,
            now_ms=clock.now_ms,
            random_bytes=clock.random_bytes,
        )

        def tell(told: FileChanged, user: UserId) -> None:
            asking.tell(inbox_actor(user), told)

        signer = UrlSigner(secret, self._settings.signed_url_ttl_s, clock.now_ms)
        return [
            *http_sharing.routes(area, self._blobs, public_url, tell),
            *http_signed.routes(signer, self._store, self._blobs, public_url),
        ]

    def care(
        self, host: HostId, actors: ActorSystem, membership: Membership, clock: SystemClock
    ) -> UploadCare:
        return UploadCare(
            host,
            self._ledger,
            self._store,
            self._folders,
            self._blobs,
            actors,
            membership,
            clock.now_ms,
            trash_ms=self._settings.trash_days * 86_400_000,
        )


class FilingEdge(NamedTuple):
    """What clients come to: over HTTP, and by streams of the upload socket."""

    routes: Sequence[web.AbstractRouteDef]
    streams: UploadStreams
