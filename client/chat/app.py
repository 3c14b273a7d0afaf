"""The chat at the screen: takes lines until there are no more."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Final

from streamhub.client.chat.command_line import Misuse
from streamhub.client.chat.commands import COMMANDS
from streamhub.client.chat.conversation import Conversation
from streamhub.client.chat.screen import Screen
from streamhub.client.client import StreamHubClient
from streamhub.client.errors import ClientError, ConfirmByMail, Refused
from streamhub.client.http import HttpApi
from streamhub.client.tokens import AccountTokens
from streamhub.protocol.accounts import SignedIn

MakeScreen = Callable[["Chat"], Screen]


class Chat:
    """One user at one screen; signing in again replaces the conversation by another."""

    def __init__(self, api: HttpApi, make_screen: MakeScreen) -> None:
        self.screen: Final = make_screen(self)
        self._api = api
        self._signed_in: Conversation | None = None
        self._stack = AsyncExitStack()
        self._over = False

    @property
    def conversation(self) -> Conversation:
        """Raises Misuse before somebody signed in."""
        if self._signed_in is None:
            raise Misuse("sign in first: /login NAME, or /register for a new account")
        return self._signed_in

    async def run(self, login: str | None, password: str | None) -> None:
        """Until the last line, and until what was typed is sent. Raises ClientError when the
        login that was given is refused."""
        with self.screen.opened():
            try:
                if login is None:
                    self.screen.note(f"{self._api.url}: /login NAME or /register; /help for more")
                else:
                    await self.log_in(login, password)
                while not self._over and (line := await self.screen.line()) is not None:
                    await self._take(line.strip())
                if self._signed_in is not None:
                    await self._signed_in.outbox.empty()
            finally:
                await self._stack.aclose()

    # -- signing in ---------------------------------------------------------------------------

    async def log_in(self, login: str, password: str | None = None) -> None:
        """Raises ClientError."""
        if password is None:
            password = await self.screen.ask("Password", secret=True)
        if password is None:
            return
        try:
            signed_in = await self._api.log_in(login, password)
        except Refused as error:
            if error.code != "second_factor_required":
                raise
            code = await self.screen.ask("Code of your app")
            if code is None:
                return
            signed_in = await self._api.log_in(login, password, code)
        await self._enter(signed_in)

    async def register(self) -> None:
        """Raises ClientError."""
        email = await self.screen.ask("E-mail")
        handle = await self.screen.ask("Handle")
        name = await self.screen.ask("Name")
        password = await self.screen.ask("Password", secret=True)
        if email is None or handle is None or name is None or password is None:
            return
        try:
            signed_in = await self._api.register(
                email=email, handle=handle, name=name, password=password
            )
        except ConfirmByMail:
            self.screen.note("a mail has a link for you: type /confirm and the link")
        else:
            await self._enter(signed_in)

    async def confirm(self, link: str, handle: str | None) -> None:
        """Raises ClientError."""
        await self._enter(await self._api.confirm_registration(link, handle))

    async def _enter(self, signed_in: SignedIn) -> None:
        self._signed_in = None
        await self._stack.aclose()
        tokens = AccountTokens(self._api, signed_in=signed_in)
        client = StreamHubClient(str(self._api.url), tokens=tokens, name="streamhub chat")
        await self._stack.enter_async_context(client)
        conversation = Conversation(client, self.screen)
        self._signed_in = await self._stack.enter_async_context(conversation)
        self.screen.note(f"you are {client.user.handle}")
        await conversation.learn_names()
        for state in client.channels.values():
            unread = state.overview.unread
            self.screen.note(f"{conversation.name(state.id)}, {unread} unread")

    # -- lines --------------------------------------------------------------------------------

    def quit(self) -> None:
        """Take no more lines."""
        self._over = True

    async def _take(self, line: str) -> None:
        try:
            if line.startswith("/") and not line.startswith("//"):
                await self._command(line)
            elif line:
                await self._send(line.removeprefix("/") if line.startswith("//") else line)
        except (Misuse, ClientError) as error:
            self.screen.error(str(error))

    async def _command(self, line: str) -> None:
        name, *words = line[1:].split() or [""]
        command = COMMANDS.get(name)
        if command is None:
            raise Misuse(f"there is no /{name}: see /help")
        if len(words) < command.least or (command.most is not None and len(words) > command.most):
            raise Misuse(f"use {command.usage}")
        if self._signed_in is not None:
            await self._signed_in.outbox.empty()  # in the order it was typed
        await command.run(self, words)

    async def _send(self, text: str) -> None:
        here = self.conversation
        if here.open is None:
            raise Misuse("no channel is open: use /open CHANNEL, /join CHANNEL or /create NAME")
        await here.outbox.put(here.open, text)

    # -- for a terminal -----------------------------------------------------------------------

    def prompt(self) -> str:
        """What stands before the line that is typed."""
        here = self._signed_in
        return "> " if here is None or here.open is None else f"{here.name(here.open)}> "

    def toolbar(self) -> str:
        """Who is typing, what is unread elsewhere, and whether there is a connection."""
        here = self._signed_in
        if here is None:
            return "not signed in"
        parts = [here.client.user.handle]
        if not here.client.connected:
            parts.append("not connected")
        if typists := here.typists:
            parts.append(f"{', '.join(typists)} {'is' if len(typists) == 1 else 'are'} typing")
        for state in here.unread:
            mentions = f" (@{state.overview.mentions})" if state.overview.mentions else ""
            parts.append(f"{here.name(state.id)} {state.overview.unread}{mentions}")
        return "  ".join(parts)

    def typed(self) -> None:
        """The line changed, and is not a command."""
        if self._signed_in is not None:
            self._signed_in.type()
