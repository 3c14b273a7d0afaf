"""Handles of users, asked for once."""

from collections import OrderedDict
from typing import Final

from streamhub.client.client import StreamHubClient
from streamhub.client.errors import ClientError
from streamhub.protocol.frames import UserObject

_KNOWN_LIMIT: Final = 10_000


class People:
    """Who is who, by id and by handle."""

    def __init__(self, client: StreamHubClient) -> None:
        self._client = client
        self._handles: OrderedDict[str, str] = OrderedDict()
        self._note(client.user)

    def known(self, user: str) -> str | None:
        """The handle, if it was asked for before."""
        return self._handles.get(user)

    async def handle(self, user: str) -> str:
        """The handle of a user; the end of the id where the server does not say."""
        if (known := self._handles.get(user)) is not None:
            self._handles.move_to_end(user)
            return known
        try:
            return self._note(await self._client.user_by_id(user))
        except ClientError:
            return f"user {user[-6:]}"

    async def find(self, handle: str) -> str | None:
        """The id of a handle, with or without `@`. Raises ClientError."""
        found = await self._client.find_user(handle.removeprefix("@"))
        if found is None:
            return None
        self._note(found)
        return found.id

    def _note(self, user: UserObject) -> str:
        self._handles[user.id] = user.handle
        if len(self._handles) > _KNOWN_LIMIT:
            self._handles.popitem(last=False)
        return user.handle
