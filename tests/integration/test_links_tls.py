"""Links over TLS: who shows no certificate of the cluster's authority gets none."""

import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs
from support.certificates import Authority, Files
from support.chat_hosts import until
from support.linked_peers import ANN, BOB, SECRET, Peer, Wire

from streamhub.cluster.private_site import Siblings, guard_private_site
from streamhub.domain.cluster import HostEntry
from streamhub.transport import link_calls
from streamhub.transport.health import create_admin_app
from streamhub.transport.link_tls import LinkTls
from streamhub.transport.site import listen_socket, run_site


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.stack.aclose()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


@pytest.fixture
def foreign(tmp_path: Path, authority: Authority) -> Files:
    """Certificates of another authority, in the hands of one who trusts ours."""
    return Authority(tmp_path / "theirs", "somebody else").issue("eve")._replace(ca=authority.ca)


async def refusal(caller: Peer, callee: Peer) -> tuple[str, str]:
    """Why there is no link, as the caller and the callee log it."""
    with capture_logs() as logs:
        assert caller.send(callee.host, "hello")
        await until(lambda: caller.lost == [callee.host])

        def texts(event: str) -> list[str]:
            return [entry["error"] for entry in logs if entry["event"] == event]

        assert callee.got == []
        return texts("link.refused")[0], next(iter(texts("link.tls_refused")), "")


async def test_hosts_with_certificates_of_one_authority_link(
    wire: Wire, authority: Authority
) -> None:
    ann = await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    bob = await wire.peer(BOB, tls=LinkTls(*authority.issue("bob")))
    for n in range(500):
        assert ann.send(BOB, f"a{n}")
        assert bob.send(ANN, f"b{n}")
    await until(lambda: len(ann.got) == len(bob.got) == 500)
    assert ann.lost == bob.lost == []


async def test_the_secret_is_still_asked_for(wire: Wire, authority: Authority) -> None:
    ann = await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    eve = await wire.peer(
        BOB, type(SECRET)("another secret of these tests"), LinkTls(*authority.issue("eve"))
    )
    assert await refusal(eve, ann) == ("it does not know the cluster's secret", "")


async def test_who_shows_a_foreign_certificate_gets_no_link(
    wire: Wire, authority: Authority, foreign: Files
) -> None:
    ann = await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    eve = await wire.peer(BOB, tls=LinkTls(*foreign))
    said, heard = await refusal(eve, ann)
    assert "it does not take the certificate in STREAMHUB_LINK_TLS_CERT" in said
    assert "caller's certificate is not of the authority in STREAMHUB_LINK_TLS_CA" in heard


async def test_no_host_links_to_one_that_shows_a_foreign_certificate(
    wire: Wire, authority: Authority, foreign: Files
) -> None:
    ann = await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    eve = await wire.peer(BOB, tls=LinkTls(*foreign))
    said, _ = await refusal(ann, eve)
    assert "it shows no certificate of the authority in STREAMHUB_LINK_TLS_CA" in said


async def test_who_does_not_speak_tls_gets_no_link(wire: Wire, authority: Authority) -> None:
    ann = await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    bare = await wire.peer(BOB)
    said, _ = await refusal(ann, bare)
    assert "it does not speak TLS; is STREAMHUB_LINK_TLS_CERT set there?" in said
    _, heard = await refusal(bare, ann)
    assert "the caller does not speak TLS" in heard


async def test_who_shows_no_certificate_is_not_heard(wire: Wire, authority: Authority) -> None:
    await wire.peer(ANN, tls=LinkTls(*authority.issue("ann")))
    context = ssl.create_default_context(cafile=authority.ca)
    context.check_hostname = False
    with capture_logs() as logs:
        async with aiohttp.ClientSession() as http:
            with pytest.raises(aiohttp.ClientError):
                await http.get(f"https://{wire.addresses[ANN]}{link_calls.PATH}", ssl=context)
    refused = [entry["error"] for entry in logs if entry["event"] == "link.tls_refused"]
    assert set(refused) == {"the caller shows no certificate"}


async def test_changed_files_are_used_for_new_connections(
    wire: Wire, authority: Authority, tmp_path: Path
) -> None:
    ann_files, bob_files = authority.issue("ann"), authority.issue("bob")
    ann = await wire.peer(ANN, tls=LinkTls(*ann_files))
    bob = await wire.peer(BOB, tls=LinkTls(*bob_files))
    ann.send(BOB, "before")
    await until(lambda: len(bob.got) == 1)
    successor = Authority(tmp_path / "successor", "the cluster, next year")
    for own in (ann_files, bob_files):
        new = successor.issue(own.cert.stem)
        own.cert.write_bytes(new.cert.read_bytes())
        own.key.write_bytes(new.key.read_bytes())
    authority.ca.write_bytes(successor.ca.read_bytes())
    ann.send(BOB, "over the link there is")
    await until(lambda: len(bob.got) == 2)
    ann.links.drop([BOB])
    await until(lambda: bob.lost == [ANN])
    bob.send(ANN, "over a new one")
    await until(lambda: len(ann.got) == 1)
    old = await wire.peer(ANN, tls=LinkTls(*Authority(tmp_path / "old").issue("old")))
    assert old.send(BOB, "from the past")
    await until(lambda: old.lost == [BOB])


async def test_unfit_files_are_not_taken_in_place_of_fit_ones(
    wire: Wire, authority: Authority
) -> None:
    files = authority.issue("ann")
    ann = await wire.peer(ANN, tls=LinkTls(*files))
    bob = await wire.peer(BOB, tls=LinkTls(*authority.issue("bob")))
    files.cert.write_text("half a certific")
    with capture_logs() as logs:
        ann.send(BOB, "one")
        await until(lambda: len(bob.got) == 1)
        ann.links.drop([BOB])
        await until(lambda: bob.lost == [ANN])
        bob.send(ANN, "two")
        await until(lambda: len(ann.got) == 1)
    kept = [entry["error"] for entry in logs if entry["event"] == "link.certificates_kept"]
    assert len(kept) == 1
    assert "must hold a certificate in PEM" in kept[0]


async def test_the_private_site_is_served_over_tls(authority: Authority) -> None:
    tls = LinkTls(*authority.issue("ann"))

    async def own_metrics() -> bytes:
        return b"# TYPE up gauge\nup 1\n"

    app: web.Application = create_admin_app({}, own_metrics)
    guard_private_site(app, ANN, SECRET)
    sock = listen_socket("127.0.0.1", 0, False)
    site = await run_site(app, sock, keepalive_timeout_s=5, shutdown_timeout_s=0.1, tls=tls.server)
    entry = HostEntry(id=ANN, node="n", address=f"127.0.0.1:{site.port}", pid=1)
    for siblings, page in (
        (Siblings(SECRET, tls), b'# TYPE up gauge\nup{host="ho_ann"} 1\n'),
        (Siblings(SECRET), b""),
    ):
        assert await siblings.metrics([entry], {}) == page
        await siblings.close()
    await site.close()
