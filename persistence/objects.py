"""S3 (MinIO in production): where file contents are kept."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qs, unquote, urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from miniopy_async import Minio
from miniopy_async.error import MinioException, S3Error

from streamhub.domain.errors import TryAgain

CALL_TIMEOUT_S: Final = 10.0
RETRY_AFTER_MS: Final = 1000
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_OURS: Final = frozenset({"BucketAlreadyOwnedByYou", "BucketAlreadyExists"})


@dataclass(frozen=True, slots=True)
class Bucket:
    """Where a bucket is and how to get in: `http[s]://ACCESS:SECRET@host[:port]/bucket?region=`.

    Access and secret are percent-encoded in the URL.
    """

    endpoint: str
    secure: bool
    access: str
    secret: str = field(repr=False)
    name: str
    region: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Raises ValueError, which says what is wrong and never shows the secret."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https"):
            raise ValueError("the S3 URL must begin with http:// or https://")
        if not parts.hostname:
            raise ValueError("the S3 URL names no host")
        if not parts.username or not parts.password:
            raise ValueError("the S3 URL lacks the keys: http://ACCESS:SECRET@host:port/bucket")
        name = parts.path.strip("/")
        if not _BUCKET.fullmatch(name):
            raise ValueError(
                f"the S3 URL's path must be a bucket's name (3-63 of a-z, 0-9, dot and dash),"
                f" not {name!r}"
            )
        query = parse_qs(parts.query, keep_blank_values=True)
        if unknown := sorted(query.keys() - {"region"}):
            raise ValueError(f"the S3 URL knows only ?region=, not {', '.join(unknown)}")
        return cls(
            endpoint=parts.netloc.rpartition("@")[2],
            secure=parts.scheme == "https",
            access=unquote(parts.username),
            secret=unquote(parts.password),
            name=name,
            region=query.get("region", ["us-east-1"])[0],
        )


class ObjectStore:
    """One bucket. Every method raises TryAgain("unavailable") when S3 is away."""

    def __init__(self, bucket: Bucket, client: Minio, session: ClientSession) -> None:
        self._bucket = bucket
        self._client = client
        self._session = session

    @classmethod
    def connect(cls, url: str) -> Self:
        """A store on the bucket of `url`, which connects on first use.

        Needs a running event loop. Raises ValueError for a bad URL.
        """
        bucket = Bucket.parse(url)
        session = ClientSession(
            connector=TCPConnector(limit=32), timeout=ClientTimeout(total=CALL_TIMEOUT_S)
        )
        client = Minio(
            bucket.endpoint,
            access_key=bucket.access,
            secret_key=bucket.secret,
            secure=bucket.secure,
            region=bucket.region,
            session=session,
        )
        return cls(bucket, client, session)

    @classmethod
    async def open(cls, url: str) -> Self:
        """A store on the bucket of `url`, which is made if it is not there.

        Raises ValueError for a bad URL and PermissionError when S3 refuses the keys.
        """
        store = cls.connect(url)
        try:
            await store._ensure_bucket()
        except BaseException:
            await store.close()
            raise
        return store

    async def check(self) -> None:
        """One cheap request, for readiness. Raises TryAgain when S3 or the bucket is away."""
        async with self._translated():
            if not await self._client.bucket_exists(self._bucket.name):
                raise TryAgain(
                    "unavailable",
                    f"The bucket {self._bucket.name} is gone.",
                    retry_after_ms=RETRY_AFTER_MS,
                )

    async def close(self) -> None:
        await self._session.close()

    async def _ensure_bucket(self) -> None:
        async with self._translated():
            if await self._client.bucket_exists(self._bucket.name):
                return
            try:
                await self._client.make_bucket(self._bucket.name, self._bucket.region)
            except S3Error as error:
                if error.code not in _OURS:  # another host was faster
                    raise

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        try:
            yield
        except S3Error as error:
            if error.code in ("AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"):
                raise PermissionError(
                    f"S3 at {self._bucket.endpoint} refused the keys of STREAMHUB_S3_URL for"
                    f" bucket {self._bucket.name}: {error.code}"
                ) from error
            raise _away(error) from error
        except (MinioException, ClientError, OSError, TimeoutError) as error:
            raise _away(error) from error


def _away(error: Exception) -> TryAgain:
    detail = f"The file store is away ({type(error).__name__})."
    return TryAgain("unavailable", detail, retry_after_ms=RETRY_AFTER_MS)
