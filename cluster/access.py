"""How a command reaches a cluster from outside: PostgreSQL, and the secret that hosts ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, NamedTuple

from streamhub.cluster.keys import with_others
from streamhub.config import Secret, Settings
from streamhub.domain.cluster import ClusterStore, View
from streamhub.domain.wishes import LastSign, Wishes, WishStore
from streamhub.persistence.cluster import PostgresClusterStore
from streamhub.persistence.embedded.postgres import kept_url
from streamhub.persistence.postgres import Pool, StoreRefused, open_pool
from streamhub.persistence.wishes import PostgresWishStore

ALIVE_WITHIN_S: Final = 10.0
_CONNECT_WITHIN_S: Final = 5.0


class NotDone(Exception):
    """A command did not come to its end; the text says why, and what to do."""


class Picture(NamedTuple):
    """What PostgreSQL tells of a cluster at one moment."""

    view: View
    wishes: Wishes
    last: LastSign | None

    @property
    def supervised(self) -> bool:
        """Whether a supervisor was heard lately."""
        return self.last is not None and self.last.age_s < ALIVE_WITHIN_S


@dataclass(frozen=True, slots=True)
class Stores:
    """The truth about the cluster."""

    views: ClusterStore
    wishes: WishStore

    async def look(self) -> Picture:
        """Raises TryAgain."""
        view = await self.views.view()
        return Picture(view, await self.wishes.wishes(), await self.wishes.last_sign())


def database_of(settings: Settings) -> str | None:
    """The URL that is set, or of the embedded PostgreSQL of the data folder; None without."""
    if settings.database.url is not None:
        return settings.database.url.reveal()
    return kept_url(settings.server.data / "postgres")


def secret_of(settings: Settings) -> Secret | None:
    """The cluster's secret, where it is set or kept; None without."""
    return settings.cluster.secret or _kept(settings, "cluster-secret")


def auth_secret_of(settings: Settings) -> Secret:
    """The secret of tokens and mails, set or kept. Raises NotDone without."""
    secret = settings.auth.secret or _kept(settings, "auth-secret")
    if secret is None:
        raise NotDone(
            f"STREAMHUB_AUTH_SECRET is not set, and none is kept in {settings.server.data}. Name"
            " the folder with --data, or set that variable as for the cluster"
        )
    return with_others(settings.auth, secret)


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[Pool]:
    """Connections to the cluster's PostgreSQL.

    Raises NotDone where there is none, TryAgain when it is away, StoreMisconfigured.
    """
    url = database_of(settings)
    if url is None:
        raise NotDone(
            f"StreamHub does not run in {settings.server.data}, and STREAMHUB_DATABASE_URL is not"
            " set. Name the folder with --data, or set that variable as for the cluster"
        )
    pool = await open_pool(
        url, size=2, application_name="streamhub operator", start_timeout_s=_CONNECT_WITHIN_S
    )
    try:
        yield pool
    except StoreRefused as error:
        raise NotDone(
            f"{error}. Is the schema up to date? See `streamhub migrate --plan`"
        ) from error
    finally:
        await pool.close()


@asynccontextmanager
async def reach(settings: Settings) -> AsyncIterator[Stores]:
    """The stores of the cluster of these settings. Raises like `connected`."""
    async with connected(settings) as pool:
        yield Stores(PostgresClusterStore(pool), PostgresWishStore(pool))


def _kept(settings: Settings, name: str) -> Secret | None:
    try:
        return Secret((settings.server.data / name).read_text())
    except FileNotFoundError:
        return None
