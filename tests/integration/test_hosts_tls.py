"""Whole hosts that are given certificates."""

import ssl
from pathlib import Path

import aiohttp
from support.certificates import Authority
from support.lone_hosts import lone_hosts
from support.polling import until

from streamhub.persistence.embedded.stack import EmbeddedUrls


async def test_hosts_with_certificates_show_their_metrics_to_each_other_and_nobody_else(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    cert, key, ca = map(str, Authority(tmp_path / "ca").issue("host"))
    async with lone_hosts(
        servers,
        tmp_path,
        STREAMHUB_LINK_TLS_CERT=cert,
        STREAMHUB_LINK_TLS_KEY=key,
        STREAMHUB_LINK_TLS_CA=ca,
    ) as stage:
        one, two = await stage.start_host(), await stage.start_host()
        await stage.publish(one, two)
        async with aiohttp.ClientSession() as http:

            async def both_are_there() -> bool:
                async with http.get(f"{one.admin_url}/metrics") as answer:
                    page = await answer.text()
                return all(f'host="{host.entry.id}"' in page for host in (one, two))

            await until(both_are_there)
        assert not one.records("private_site_not_read")
        async with aiohttp.ClientSession() as http:
            try:
                await http.get(f"http://{one.entry.address}/livez")
            except aiohttp.ClientError:
                refused = True
            else:
                refused = False
        assert refused
        assert two.records("link.tls_refused") == []
        assert "does not speak TLS" in str(one.records("link.tls_refused"))


async def test_a_host_with_a_certificate_takes_clients_over_tls(
    servers: EmbeddedUrls, tmp_path: Path
) -> None:
    cert, key, ca = Authority(tmp_path / "ca").issue("chat")
    given = {"STREAMHUB_TLS_CERT": str(cert), "STREAMHUB_TLS_KEY": str(key)}
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    async with lone_hosts(servers, tmp_path, **given) as stage:
        host = await stage.start_host()
        await stage.publish(host)
        url = host.url.replace("http:", "https:")
        async with aiohttp.ClientSession() as http:
            async with http.get(f"{url}/v1/server", ssl=context) as answer:
                assert answer.headers["Strict-Transport-Security"]
            protocols = ("streamhub.v1.json",)
            async with http.ws_connect(f"{url}/v1/ws", ssl=context, protocols=protocols) as socket:
                assert (await socket.receive_json())["x"] == "hello"
            async with http.get(f"{host.admin_url}/livez") as answer:
                assert answer.status == 200
