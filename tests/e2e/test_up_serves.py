"""What `streamhub up` serves, keeps and shows."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

from support.up import Up, request, wait_for

from streamhub import __version__
from streamhub.config import reference


def test_clients_learn_what_the_server_is(running: Up) -> None:
    status, body = running.get("/v1/server")
    assert status == 200
    about = json.loads(body)
    assert about["name"] == "streamhub"
    assert about["version"] == __version__


def test_it_is_alive_and_ready(running: Up) -> None:
    assert running.get("/livez", admin=True) == (200, b"ok\n")
    status, body = running.get("/readyz?verbose=1", admin=True)
    assert status == 200
    checks = json.loads(body)["checks"]
    assert set(checks) == {"postgres", "redis", "s3", "view"}
    assert all(check["ok"] for check in checks.values())


def test_the_public_port_shows_nothing_of_the_admin_port(running: Up) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert running.get(path)[0] == 404


def test_metrics_of_every_host_are_on_one_page(running: Up) -> None:
    for _ in range(4):  # whichever host answers
        status, body = running.get("/metrics", admin=True)
        assert status == 200
        assert set(re.findall(r'host="([^"]+)"', body.decode())) == set(running.host_ids)


def test_both_hosts_take_connections_of_the_one_port(running: Up) -> None:
    def hosts_that_answered() -> set[str]:
        page = running.get("/metrics", admin=True)[1].decode()
        pattern = r'streamhub_http_requests_total\{host="([^"]+)",.*route="/v1/server".*\}'
        return set(re.findall(pattern, page))

    def both_answered() -> bool:
        running.get("/v1/server")
        return hosts_that_answered() == set(running.host_ids)

    wait_for(both_answered, "both hosts answered a request")


def test_the_administrator_can_log_in(running: Up) -> None:
    admin = running.state["admin"]
    file = Path(admin["password_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    status, body = request(
        f"{running.state['url']}/v1/auth/login",
        {"login": admin["login"], "password": file.read_text().strip()},
    )
    assert status == 200
    assert json.loads(body)["user"]["role"] == "admin"


def test_the_state_names_processes_that_live(running: Up) -> None:
    state = running.state
    assert set(state["servers"]) == {"postgres", "valkey", "s3"}
    named = {host["pid"] for host in state["hosts"]}
    named |= {state["supervisor_pid"], *state["servers"].values()}
    assert len(named) == 6
    assert named <= {process.pid for process in running.processes()}


def test_secrets_and_state_are_for_the_owner_only(running: Up) -> None:
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700
    files = [path for path in running.data.iterdir() if path.is_file()]
    assert {"state.json", "ray-token", "cluster-secret", "auth-secret"} <= {f.name for f in files}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE((running.data / "ray").stat().st_mode) == 0o700


def test_everything_listens_on_loopback_only(running: Up) -> None:
    pids = [process.pid for process in running.processes()]
    assert len(listening(pids)) > 10
    assert {address for address in listening(pids) if not is_loopback(address)} == set()


def test_hosts_run_with_the_priority_of_the_server(running: Up) -> None:
    own = os.getpriority(os.PRIO_PROCESS, running.process.pid)
    for host in running.state["hosts"]:
        assert os.getpriority(os.PRIO_PROCESS, host["pid"]) == own


def test_logs_of_all_processes_are_json_lines_in_one_place(running: Up) -> None:
    records = running.records()
    assert {"ready", "host_takes_traffic", "view_published"} <= {r["event"] for r in records}
    assert {*running.host_ids, "supervisor"} <= {record.get("host") for record in records}


def test_status_tells_all_of_it(running: Up) -> None:
    done = streamhub("status", "--data", str(running.data))
    assert done.returncode == 0
    for host in running.host_ids:
        assert host in done.stdout
    assert "check postgres" in done.stdout


def test_the_documented_settings_are_the_real_ones() -> None:
    page = Path(__file__).parents[2] / "docs" / "configuration.md"
    assert page.read_text() == reference() == streamhub("config", "--reference").stdout


def streamhub(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streamhub", *arguments]
    wide = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=wide, timeout=60)


def listening(pids: list[int]) -> set[str]:
    """The addresses, in the kernel's hexadecimal, of TCP sockets that these processes listen on."""
    inodes = set()
    for pid in pids:
        for descriptor in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                inodes.add(os.readlink(descriptor))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
                found.add(fields[1])
    return found


def is_loopback(address: str) -> bool:
    host = address.partition(":")[0]
    mapped = "0000000000000000FFFF0000"  # ::ffff:0.0.0.0/96
    return host in (
        "0100007F",
        f"{mapped}0100007F",
        "00000000000000000000000001000000",
    )
