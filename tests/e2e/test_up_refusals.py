"""What stops a start: one clear line, in a moment, and nothing left behind."""

import socket
import subprocess
import sys
from pathlib import Path

from support.up import Up

from streamhub.cluster.operator_commands import NOT_RUNNING


def refused(cwd: Path, *arguments: str) -> str:
    """What `streamhub up` says on standard error before it ends with 1."""
    done = subprocess.run(
        [sys.executable, "-m", "streamhub", "up", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={"PATH": "/usr/bin:/bin", "STREAMHUB_ADMIN_PORT": "0"},
        timeout=60,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_a_folder_in_use(running: Up, short_tmp: Path) -> None:
    said = refused(short_tmp, "--data", str(running.data), "--port", "0")
    assert said == (
        f"streamhub: The folder {running.data} is in use by another StreamHub, process"
        f" {running.process.pid}. Stop that one first, or choose another folder with --data.\n"
    )
    assert running.is_healthy()


def test_a_port_in_use(short_tmp: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = refused(short_tmp, "--data", "d", "--port", str(port))
    assert said == (
        f"streamhub: Port {port} on 127.0.0.1 is in use by another program."
        " Choose another with --port or STREAMHUB_PORT; 0 picks a free one.\n"
    )


def test_the_port_of_another_streamhub(running: Up, short_tmp: Path) -> None:
    port = running.state["url"].rpartition(":")[2]
    said = refused(short_tmp, "--data", "d", "--port", port)
    assert f"Port {port} on 127.0.0.1 is in use by another program" in said


def test_an_address_of_another_machine(short_tmp: Path) -> None:
    said = refused(short_tmp, "--data", "d", "--host", "192.0.2.1", "--port", "0")
    assert "is on an address that this machine does not have" in said


def test_a_setting_nobody_knows(short_tmp: Path) -> None:
    (short_tmp / "streamhub.toml").write_text("[server]\nprot = 80\n")
    said = refused(short_tmp, "--data", "d")
    assert "server.prot" in said
    assert "the nearest is server.port" in said


def test_a_refused_start_can_be_told_from_a_running_one(short_tmp: Path) -> None:
    command = [sys.executable, "-m", "streamhub", "status", "--data", str(short_tmp / "d")]
    assert subprocess.run(command, capture_output=True).returncode == NOT_RUNNING
