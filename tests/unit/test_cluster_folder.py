"""What `streamhub up` keeps in its folder: state, secrets, and Ray's own."""

import os
import stat
from contextlib import ExitStack
from pathlib import Path

import pytest

from streamhub.cluster import ray_node
from streamhub.cluster.complete import completed, public_url_of, url_of
from streamhub.cluster.ports import Ports
from streamhub.cluster.state import AdminState, HostState, State, StateFile, read_state
from streamhub.config import Secret, Settings, load_settings
from streamhub.domain.ids import HostId
from streamhub.persistence.embedded.folder import ServerFolder
from streamhub.persistence.embedded.stack import EmbeddedUrls

URLS = EmbeddedUrls("postgresql://p", "redis://r", "http://s")


def state(**changes: object) -> State:
    kept = {
        "url": "http://127.0.0.1:8080",
        "admin_url": "http://127.0.0.1:8081",
        "hosts": (HostState(HostId("ho_1"), 11),),
        "supervisor_pid": 12,
        "servers": {"postgres": 13},
    }
    return State(**{**kept, **changes})  # type: ignore[arg-type]


def test_the_state_is_private_and_read_back(tmp_path: Path) -> None:
    StateFile(ServerFolder(tmp_path)).write(state())
    assert read_state(tmp_path) == state()
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_the_state_is_written_only_when_it_changed(tmp_path: Path) -> None:
    file = StateFile(ServerFolder(tmp_path))
    file.write(state())
    written = (tmp_path / "state.json").stat().st_ino
    file.write(state())
    assert (tmp_path / "state.json").stat().st_ino == written
    file.write(state(supervisor_pid=99))
    assert read_state(tmp_path) == state(supervisor_pid=99)


def test_there_is_no_word_of_an_administrator_nobody_has_made(tmp_path: Path) -> None:
    file = StateFile(ServerFolder(tmp_path))
    file.write(state())
    assert 'admin"' not in (tmp_path / "state.json").read_text()
    file.write(state(admin=AdminState("admin", "/x/admin-password")))
    assert '"password_file": "/x/admin-password"' in (tmp_path / "state.json").read_text()


def test_a_state_that_is_gone_or_broken(tmp_path: Path) -> None:
    assert read_state(tmp_path) is None
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(ValueError, match=r"state\.json cannot be read"):
        read_state(tmp_path)


@pytest.fixture
def ports() -> Ports:
    return Ports(4000, 4001, ExitStack())


def test_secrets_are_made_once_and_hidden(tmp_path: Path, ports: Ports) -> None:
    folder = ServerFolder(tmp_path)
    first = completed(Settings(), folder, URLS, ports)
    again = completed(Settings(), folder, URLS, ports)
    assert first == again
    secrets = (first.auth.secret, first.cluster.secret)
    assert all(secret and len(secret.reveal()) >= 32 for secret in secrets)
    assert first.auth.secret != first.cluster.secret


def test_what_is_configured_stays(tmp_path: Path, ports: Ports) -> None:
    given = load_settings(
        {
            "STREAMHUB_DATABASE_URL": "postgresql://mine/db",
            "STREAMHUB_CLUSTER_SECRET": "a secret of mine that is long enough",
        },
        cwd=tmp_path,
    )
    full = completed(given, ServerFolder(tmp_path), URLS, ports)
    assert full.database.url == Secret("postgresql://mine/db")
    assert full.redis.url == Secret("redis://r")
    assert full.cluster.secret == Secret("a secret of mine that is long enough")
    assert (full.server.port, full.server.admin_port) == (4000, 4001)


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104 - not bound
        ("::", "http://[::1]:80"),
        ("chat.example.com", "http://chat.example.com:80"),
    ],
)
def test_urls_lead_to_the_server_from_this_machine(host: str, url: str) -> None:
    assert url_of(host, 80) == url
    assert url_of(host, 80, tls=True) == url.replace("http", "https")


def test_rays_sockets_fit_however_deep_the_folder_is(tmp_path: Path) -> None:
    assert ray_node.ray_folder(Path("/srv/hub")) == Path("/srv/hub/ray")
    deep = Path("/srv") / ("x" * 200)
    assert len(os.fsencode(ray_node.ray_folder(deep))) <= ray_node.MAX_FOLDER_BYTES
    assert ray_node.ray_folder(deep) != ray_node.ray_folder(deep / "y")
    assert ray_node.ray_folder(deep) == ray_node.ray_folder(deep)


def test_links_lead_to_the_address_and_port_unless_told(tmp_path: Path, ports: Ports) -> None:
    full = completed(Settings(), ServerFolder(tmp_path), URLS, ports)
    assert public_url_of(full.server) == url_of(full.server.host, 4000)
    told = load_settings({"STREAMHUB_PUBLIC_URL": "https://chat.example.org"}, cwd=tmp_path)
    assert public_url_of(told.server) == "https://chat.example.org"
