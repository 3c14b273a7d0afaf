"""The network of these tests does what it says, or they prove nothing."""

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from support.network import Network
from support.slow_link import Weather
from support.up import wait_for

PORT = 9000
_ECHO = """
import socket, sys
server = socket.create_server((sys.argv[1], int(sys.argv[2])))
while True:
    connection, _ = server.accept()
    connection.sendall(connection.recv(1))
    connection.close()
"""
_HEAR = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as here:
    here.bind((sys.argv[1], int(sys.argv[2])))
    print("hears")
    print(here.recv(1).decode())
"""
_SAY = """
import socket, sys
with socket.socket(type=socket.SOCK_DGRAM) as here:
    here.sendto(b"x", (sys.argv[1], int(sys.argv[2])))
"""
_ASK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=float(sys.argv[3])) as there:
    there.sendall(b"x")
    assert there.recv(1) == b"x"
"""


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network()
    try:
        network.start()
        for name in ("left", "right"):
            address = network.add(name)
            command = [sys.executable, "-c", _ECHO, address, str(PORT)]
            log = tmp_path_factory.mktemp("network") / name
            network.spawn(name, command, environment={}, log=log)
            wait_for(partial(reaches, network, "stores", name), "an echo")
        yield network
    finally:
        network.close()


@pytest.fixture(autouse=True)
def healed(network: Network) -> Iterator[None]:
    yield
    network.heal()


def reaches(network: Network, source: str, target: str, within_s: float = 0.5) -> bool:
    """Whether a connection is made, and both ends hear each other."""
    ask = [sys.executable, "-c", _ASK, network.addresses[target], str(PORT), str(within_s)]
    try:
        if source in network.addresses and source not in ("clients", "stores"):
            network.run(source, ask)
        else:
            subprocess.run(ask, check=True, capture_output=True)
    except subprocess.CalledProcessError:
        return False
    return True


def test_nodes_reach_each_other_and_the_test_reaches_them(network: Network) -> None:
    assert reaches(network, "left", "right")
    assert reaches(network, "clients", "left")


def test_a_cut_is_between_two_and_is_healed(network: Network) -> None:
    network.cut(["left"], ["right"])
    assert not reaches(network, "left", "right")
    assert not reaches(network, "right", "left")
    assert reaches(network, "clients", "left")
    network.heal()
    assert reaches(network, "left", "right")


def test_a_cut_may_be_one_way(network: Network, tmp_path: Path) -> None:
    """A datagram shows the way there without the way back."""
    inbox = {}
    for name in ("left", "right"):
        command = [sys.executable, "-u", "-c", _HEAR, network.addresses[name], str(PORT)]
        inbox[name] = tmp_path / name
        network.spawn(name, command, environment={}, log=inbox[name])
        wait_for(inbox[name].read_text, "it hears")
    network.cut(["right"], ["left"], both=False)
    for source, target in (("right", "left"), ("left", "right")):
        say = [sys.executable, "-c", _SAY, network.addresses[target], str(PORT)]
        network.run(source, say)
    wait_for(lambda: "x" in inbox["right"].read_text(), "the way there")
    assert "x" not in inbox["left"].read_text()


def test_an_isolated_node_is_reached_by_those_it_says(network: Network) -> None:
    network.isolate("left", reached_by=["clients"])
    assert reaches(network, "clients", "left")
    assert not reaches(network, "right", "left")


def test_a_slow_way_takes_its_time(network: Network) -> None:
    begun = time.monotonic()
    assert reaches(network, "left", "right")
    quick_s = time.monotonic() - begun
    network.slow(["left"], ["right"], Weather(delay_ms=200))
    begun = time.monotonic()
    assert reaches(network, "left", "right", within_s=5)
    # One packet of the handshake and one with the byte, each once and one way.
    assert time.monotonic() - begun > quick_s / 2 + 0.35


def test_a_lossy_way_loses(network: Network) -> None:
    network.slow(["left"], ["right"], Weather(loss=1.0))
    assert not reaches(network, "left", "right")
    assert reaches(network, "clients", "right")


def test_killed_nodes_leave_no_process(network: Network) -> None:
    network.kill("left")
    assert network.processes("left") == []
    assert not reaches(network, "right", "left")
