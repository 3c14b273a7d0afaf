"""Whose word on addresses is taken."""

from pathlib import Path

import pytest

from streamhub.config import SettingsError, load_settings
from streamhub.transport.proxies import Proxies

PROXIES = Proxies(("10.0.0.0/8", "192.0.2.7/32", "fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("192.0.2.7", ["203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9, 10.0.0.2, 192.0.2.7"], "203.0.113.9"),
        ("10.0.0.1", ["203.0.113.9", "10.0.0.2"], "203.0.113.9"),
        ("10.0.0.1", ["10.1.1.1, 10.0.0.2"], "10.1.1.1"),
        ("fd00::1", ["2001:db8::5"], "2001:db8::5"),
        ("fd00::1", ["[2001:db8::5]:4711"], "2001:db8::5"),
        ("10.0.0.1", ["203.0.113.9:4711"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
    ],
)
def test_the_client_is_the_last_that_is_no_trusted_proxy(
    peer: str, forwarded_for: list[str], client: str
) -> None:
    assert PROXIES.client(peer, forwarded_for) == client


@pytest.mark.parametrize("peer", ["203.0.113.1", "192.0.2.8", "2001:db8::1", "local", ""])
def test_a_peer_that_is_not_listed_says_nothing_of_others(peer: str) -> None:
    assert PROXIES.client(peer, ["10.0.0.1", "127.0.0.1"]) == peer
    assert not PROXIES.trusts(peer)


def test_what_a_client_put_there_itself_does_not_count() -> None:
    assert PROXIES.client("10.0.0.1", ["127.0.0.1, 10.9.9.9, 203.0.113.9"]) == "203.0.113.9"
    assert PROXIES.client("10.0.0.1", ["127.0.0.1", "203.0.113.9, 10.0.0.2"]) == "203.0.113.9"


@pytest.mark.parametrize(
    "garbage", ["unknown", "_hidden", "1.2.3", "1.2.3.4.5", "::1::", "\x00", "10.0.0.0/8", "[", ":"]
)
def test_garbage_ends_at_the_proxy_that_passed_it_on(garbage: str) -> None:
    assert PROXIES.client("10.0.0.1", [f"203.0.113.9, {garbage}, 10.0.0.2"]) == "10.0.0.2"
    assert PROXIES.client("10.0.0.1", [garbage]) == "10.0.0.1"


def test_without_a_list_nobody_is_believed() -> None:
    nobody = Proxies(())
    for peer in ("127.0.0.1", "::1", "10.0.0.1", "local"):
        assert nobody.client(peer, ["203.0.113.9"]) == peer


def test_the_setting_takes_addresses_and_networks(tmp_path: Path) -> None:
    given = {"STREAMHUB_TRUSTED_PROXIES": "10.0.0.7, 10.1.0.0/16,fd00::/8"}
    found = load_settings(given, cwd=tmp_path).edge.trusted_proxies
    assert found == ("10.0.0.7/32", "10.1.0.0/16", "fd00::/8")


@pytest.mark.parametrize("wrong", ["10.0.0.1/8", "proxy.example", "*", "10.0.0.0/33", "1.2.3"])
def test_the_setting_refuses_others_by_name(wrong: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({"STREAMHUB_TRUSTED_PROXIES": wrong}, cwd=tmp_path)
    assert str(refused.value).startswith("STREAMHUB_TRUSTED_PROXIES must be addresses or networks")
    assert repr(wrong) in str(refused.value)
