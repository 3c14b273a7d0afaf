"""Fills in what `streamhub up` need not be told: addresses of embedded servers, secrets, ports."""

import os
from dataclasses import replace

from streamhub.cluster.ports import Ports
from streamhub.config import Secret, ServerSettings, Settings, SettingsError
from streamhub.persistence.embedded.folder import ServerFolder
from streamhub.persistence.embedded.stack import EmbeddedUrls


def completed(
    settings: Settings, folder: ServerFolder, urls: EmbeddedUrls, ports: Ports
) -> Settings:
    """`settings` with every URL, secret and port. Secrets are made once and kept in `folder`."""
    return replace(
        settings,
        server=replace(settings.server, port=ports.public, admin_port=ports.admin),
        database=replace(settings.database, url=settings.database.url or Secret(urls.postgres)),
        redis=replace(settings.redis, url=settings.redis.url or Secret(urls.redis)),
        objects=replace(settings.objects, url=settings.objects.url or Secret(urls.objects)),
        auth=replace(
            settings.auth, secret=settings.auth.secret or Secret(folder.secret("auth-secret"))
        ),
        cluster=replace(
            settings.cluster,
            secret=settings.cluster.secret or Secret(folder.secret("cluster-secret")),
        ),
    )


def check_complete(settings: Settings) -> None:
    """Raises SettingsError unless everything is set that hosts on several machines must share."""
    shared = {
        "STREAMHUB_DATABASE_URL": settings.database.url,
        "STREAMHUB_REDIS_URL": settings.redis.url,
        "STREAMHUB_S3_URL": settings.objects.url,
        "STREAMHUB_AUTH_SECRET": settings.auth.secret,
        "STREAMHUB_CLUSTER_SECRET": settings.cluster.secret,
    }
    if missing := [name for name, value in shared.items() if value is None]:
        raise SettingsError(
            f"{', '.join(missing)} must be set to join a Ray cluster (--ray-address): its hosts run"
            " on several machines, and what StreamHub makes for itself serves only this one"
        )
    ports = {
        "STREAMHUB_PORT": settings.server.port,
        "STREAMHUB_ADMIN_PORT": settings.server.admin_port,
    }
    if picked := [name for name, port in ports.items() if port == 0]:
        raise SettingsError(
            f"{' and '.join(picked)} must not be 0 to join a Ray cluster (--ray-address): the hosts"
            " of each node share their ports"
        )


def hosts_per_node(settings: Settings) -> int:
    """As many as asked for, else one for each core this process may use."""
    return settings.server.hosts or len(os.sched_getaffinity(0))


def public_url_of(server: ServerSettings) -> str:
    """Where clients reach `server`, for links: as set, else by its address and port."""
    return server.public_url or url_of(server.host, server.port, tls=server.tls_cert is not None)


def url_of(host: str, port: int, *, tls: bool = False) -> str:
    """Where a server that listens on `host` is reached from this machine."""
    if host == "0.0.0.0":  # noqa: S104 - not bound here, only looked at
        host = "127.0.0.1"
    elif host == "::":
        host = "::1"
    scheme = "https" if tls else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
