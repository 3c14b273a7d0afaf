"""Uploading over HTTP in tests."""

import base64
import hashlib
import io
import random
from typing import Any
from urllib.parse import quote

from aiohttp import ClientResponse
from support.chat_hosts import ChatHost, User

TUS = {"Tus-Resumable": "1.0.0"}
BYTES = "application/offset+octet-stream"


def content(size: int, seed: int = 1) -> bytes:
    """Bytes without a pattern, the same for the same seed."""
    return random.Random(seed).randbytes(size)  # noqa: S311 - known bytes


def digest(body: bytes) -> tuple[int, str]:
    """What two contents are compared by, so that a difference can be read."""
    return len(body), hashlib.sha256(body).hexdigest()


class Uploader:
    """A user's way to files over one host."""

    def __init__(self, user: User, host: ChatHost | None = None) -> None:
        self.user = user
        self.url = (host or user.cluster.hosts[0]).url
        self.http = user.cluster.http

    async def call(
        self, method: str, path: str, headers: dict[str, str] | None = None, **options: Any
    ) -> tuple[ClientResponse, bytes]:
        """The answer, and its body."""
        given = {"Authorization": f"Bearer {self.user.token}", **(headers or {})}
        if isinstance(body := options.get("data"), bytes):
            options["data"] = io.BytesIO(body)
        async with self.http.request(method, self.url + path, headers=given, **options) as answer:
            return answer, await answer.read()

    async def json(self, method: str, path: str, **options: Any) -> Any:
        answer, _ = await self.call(method, path, **options)
        return await answer.json()

    async def put(self, body: Any, name: str = "a.bin", **headers: str) -> tuple[int, Any]:
        """`POST /v1/files`, raw: its status and what it says."""
        given = {"X-File-Name": quote(name), **headers}
        answer, _ = await self.call("POST", "/v1/files", given, data=body)
        return answer.status, await answer.json(content_type=None)

    async def content(self, file: str, **headers: str) -> tuple[ClientResponse, bytes]:
        return await self.call("GET", f"/v1/files/{file}/content", headers)

    # -- tus --------------------------------------------------------------------------------

    async def begin(self, size: int | None, name: str = "a.bin") -> str:
        """The path of a new upload."""
        length = {"Upload-Defer-Length": "1"} if size is None else {"Upload-Length": str(size)}
        named = f"filename {base64.b64encode(name.encode()).decode()}"
        headers = {**TUS, **length, "Upload-Metadata": named}
        answer, body = await self.call("POST", "/v1/tus/", headers)
        assert answer.status == 201, body
        return answer.headers["Location"]

    async def patch(
        self, path: str, offset: int, body: Any, **headers: str
    ) -> tuple[ClientResponse, bytes]:
        given = {**TUS, "Content-Type": BYTES, "Upload-Offset": str(offset), **headers}
        return await self.call("PATCH", path, given, data=body)

    async def offset(self, path: str) -> int:
        answer, body = await self.call("HEAD", path, TUS)
        assert answer.status == 200, (answer.status, body)
        return int(answer.headers["Upload-Offset"])
