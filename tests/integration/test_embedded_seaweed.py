"""What only SeaweedFS needs: its inner ports shut, its sockets in /tmp taken away."""

import http.client
import json
from pathlib import Path

from streamhub.persistence.embedded.seaweed import EmbeddedSeaweed, kept_url


def test_inner_ports_refuse_the_unsigned_and_nothing_is_left_in_tmp(tmp_path: Path) -> None:
    assert kept_url(tmp_path) is None
    server = EmbeddedSeaweed(tmp_path)
    server.start()
    try:
        assert kept_url(tmp_path) == server.url, "who has the folder finds it"
        ports: dict[str, int] = json.loads((tmp_path / "ports.json").read_text())
        assert status("PUT", ports["filer.port"], "/buckets/streamhub/planted") == 401
        assert status("GET", ports["filer.port"], "/buckets/") == 401
        assert status("GET", ports["volume.port"], "/1,01aed4ba35") == 401
        assert status("GET", ports["s3.port"], "/") == 403
        assert sockets(ports)
    finally:
        server.stop()

    assert not sockets(ports)


def status(method: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body=b"planted" if method == "PUT" else None)
        return connection.getresponse().status
    finally:
        connection.close()


def sockets(ports: dict[str, int]) -> list[Path]:
    return [
        path
        for path in Path("/tmp").glob("seaweedfs-*.sock")  # noqa: S108
        if any(path.stem.endswith(f"-{port}") for port in ports.values())
    ]
