"""Metrics of a host, and of several on one page."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streamhub.telemetry import Metrics, merge


def test_two_hosts_in_one_process_count_apart() -> None:
    one, other = Metrics(), Metrics()

    one.sockets_open.inc(3)

    assert b"streamhub_sockets_open 3.0" in one.render()
    assert b"streamhub_sockets_open 0.0" in other.render()


def test_a_page_has_requests_sockets_and_the_process() -> None:
    metrics = Metrics()
    metrics.http_requests.labels("/v1/server", "GET", "200").inc()
    metrics.http_seconds.labels("/v1/server", "GET").observe(0.003)

    page = metrics.render().decode()

    assert 'streamhub_http_requests_total{method="GET",route="/v1/server",status="200"} 1.0' in page
    assert 'le="0.005",method="GET",route="/v1/server"} 1.0' in page
    assert "process_resident_memory_bytes" in page
    assert "_created" not in page


def test_several_hosts_make_one_valid_page() -> None:
    pages = {}
    for number, host in enumerate(("ho_a", "ho_b"), start=1):
        metrics = Metrics()
        metrics.sockets_open.set(number)
        metrics.http_requests.labels('/a"},{b', "GET", "200").inc(number)
        pages[host] = metrics.render()

    page = merge(pages).decode()

    assert page.count("# TYPE streamhub_sockets_open gauge") == 1
    assert page.count("# HELP streamhub_sockets_open") == 1
    families = {family.name: family for family in text_string_to_metric_families(page)}
    sockets = families["streamhub_sockets_open"].samples
    assert [(each.labels["host"], each.value) for each in sockets] == [("ho_a", 1.0), ("ho_b", 2.0)]
    requests = families["streamhub_http_requests"].samples
    assert {each.labels["route"] for each in requests} == {'/a"},{b'}
    assert all("host" in each.labels for family in families.values() for each in family.samples)


def test_a_family_that_only_one_host_has_is_kept() -> None:
    page = merge(
        {
            "a": b"# HELP one first\n# TYPE one gauge\none 1\n",
            "b": b"# TYPE two gauge\ntwo{} 2 1700000000000\n# a comment\n\n",
        }
    )

    assert page == (
        b'# HELP one first\n# TYPE one gauge\none{host="a"} 1\n'
        b'# TYPE two gauge\ntwo{host="b"} 2 1700000000000\n'
    )


def test_no_hosts_make_an_empty_page() -> None:
    assert merge({}) == b""


def test_what_is_no_exposition_is_refused() -> None:
    with pytest.raises(ValueError, match="not a sample: '<html>'"):
        merge({"a": b"<html>\n"})
