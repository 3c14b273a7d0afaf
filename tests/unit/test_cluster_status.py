"""What `streamhub status` makes of what it finds, without a cluster."""

import io
import json
from pathlib import Path

import msgspec
from rich.console import Console

from streamhub.cluster.access import Picture, database_of, secret_of
from streamhub.cluster.overview import Overview, overview_of
from streamhub.cluster.status import Health, Local, Status, read_status
from streamhub.cluster.status_page import print_status
from streamhub.config import Settings, load_settings
from streamhub.domain.cluster import HostEntry, HostReport, View
from streamhub.domain.ids import HostId
from streamhub.domain.wishes import LastSign, NodeEntry, Sign, Wishes

A, B = HostId("ho_a"), HostId("ho_b")
REPORT = HostReport(ready=True, sockets=41, actors=42, queued=43, links=44, view=9, unlinked=(B,))


def settings(folder: Path, **variables: str) -> Settings:
    return load_settings({"STREAMHUB_DATA": str(folder), **variables}, cwd=folder)


def overview(*, age_s: float = 0.4, ready: int = 2, answers: bool = True) -> Overview:
    sign = Sign(
        pid=7,
        node="n1",
        version="1.2.3",
        ready=ready,
        wanted=2,
        problem="ho_b waits",
        nodes=(NodeEntry(id="n1", address="10.0.0.1"),),
    )
    hosts = (
        HostEntry(id=A, node="n1", address="10.0.0.1:4000", pid=1),
        HostEntry(id=B, node="n1", address="10.0.0.1:4001", pid=2, state="draining"),
    )
    wishes = Wishes(hosts_per_node=2, drained=frozenset({"n1"}), leaving=frozenset({B}))
    picture = Picture(View(version=9, hosts=hosts), wishes, LastSign(sign, age_s))
    return overview_of(picture, {A: REPORT} if answers else {})


def page(status: Status) -> str:
    out = io.StringIO()
    print_status(status, Console(file=out, width=150, highlight=False))
    return out.getvalue()


def test_a_cluster_is_ready_when_it_is_supervised_and_has_its_hosts() -> None:
    assert overview().ready
    assert not overview(ready=1).ready
    assert not overview(age_s=11).ready


def test_a_cluster_runs_while_anything_of_it_is_heard() -> None:
    assert overview(age_s=60).runs
    assert overview(answers=False).runs
    assert not overview(age_s=60, answers=False).runs


def test_the_page_tells_of_hosts_supervisor_and_wishes() -> None:
    local = Local(url="http://x", admin_url="http://y", processes=(), ready=True, checks={})
    said = page(
        Status(health=Health.READY, folder="/data", cluster=overview(), unseen="", local=local)
    )
    for word in ("41", "42", "43", "44, 1 broken", "draining, no answer", "10.0.0.1"):
        assert word in said
    assert "supervisor: version 1.2.3, process 7 on node n1; 2 of 2 hosts ready; ho_b waits" in said
    assert "wished: 2 hosts per node; drained n1; leaving ho_b" in said
    assert said.endswith("ready\n")


def test_a_silent_supervisor_is_told() -> None:
    said = page(
        Status(
            health=Health.NOT_READY,
            folder="/data",
            cluster=overview(age_s=61),
            unseen="",
            local=None,
        )
    )
    assert "supervisor: not heard for 61 s" in said


def test_programs_get_every_word_of_it() -> None:
    found = Status(health=Health.READY, folder="/data", cluster=overview(), unseen="", local=None)
    said = json.loads(msgspec.json.encode(found))
    assert said["health"] == "ready"
    first, second = said["cluster"]["hosts"]
    assert first["report"]["sockets"] == 41
    assert second["report"] is None


def test_nothing_runs_in_an_empty_folder(tmp_path: Path) -> None:
    found = read_status(settings(tmp_path))
    assert found.health is Health.NOT_RUNNING
    assert f"StreamHub does not run in {tmp_path}" in page(found)


def test_the_database_and_the_secret_of_a_folder_are_found(tmp_path: Path) -> None:
    assert database_of(settings(tmp_path)) is None
    assert secret_of(settings(tmp_path)) is None
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "ports.json").write_text('{"main": 4711}')
    (tmp_path / "postgres" / "password").write_text("pass")
    (tmp_path / "cluster-secret").write_text("s" * 40)
    assert database_of(settings(tmp_path)) == "postgresql://streamhub:pass@127.0.0.1:4711/streamhub"
    secret = secret_of(settings(tmp_path))
    assert secret is not None
    assert secret.reveal() == "s" * 40


def test_what_is_set_comes_before_the_folder(tmp_path: Path) -> None:
    url = "postgresql://u:p@db/streamhub"
    assert database_of(settings(tmp_path, STREAMHUB_DATABASE_URL=url)) == url
