"""REST: registering, signing in and out, and looking at accounts."""

from typing import Final

from aiohttp import hdrs, web

from streamhub.domain.access import check_right
from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.errors import Refused
from streamhub.domain.ids import USER, UserId, is_id
from streamhub.domain.log_ins import Grant, LogIns
from streamhub.domain.origin import Origin
from streamhub.domain.people import People
from streamhub.domain.principals import Principal, Principals
from streamhub.domain.registration import ConfirmedRegistration
from streamhub.domain.sign_in import Applicant, SignIn
from streamhub.protocol.accounts import (
    AccountObject,
    FindUsers,
    LogIn,
    Refresh,
    Register,
    SignedIn,
    UserList,
)
from streamhub.protocol.frames import UserObject
from streamhub.protocol.own_account import Asked, ConfirmRegistration
from streamhub.transport.bodies import json_response, read_body, read_command
from streamhub.transport.fairness import count_principal, count_stranger
from streamhub.transport.middleware import REQUEST_ID
from streamhub.transport.proxies import remote_of

PRINCIPALS: Final = web.AppKey("principals", Principals)

_SCHEME: Final = "bearer "


async def authorize(request: web.Request, operation: str) -> Principal:
    """Who the request acts for, by `Authorization: Bearer` alone (no cookie, no query), and that
    they may do `operation`, a row of `domain.access.RIGHTS`.

    The application must have PRINCIPALS. Raises Refused: unauthenticated, token_expired, forbidden,
    suspended; TryAgain: unavailable, rate_limited.
    """
    try:
        principal = await request.app[PRINCIPALS].principal(bearer_of(request), remote_of(request))
    except Refused:
        if hdrs.AUTHORIZATION in request.headers:  # without one it was counted before
            await count_stranger(request)
        raise
    await count_principal(request, principal, operation)
    check_right(principal.standing, operation)
    return principal


def bearer_of(request: web.Request) -> str:
    """The token of the request. Raises Refused("unauthenticated")."""
    given = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(given) != 1 or given[0][: len(_SCHEME)].lower() != _SCHEME:
        raise Refused("unauthenticated", "send Authorization: Bearer and an access token")
    return given[0][len(_SCHEME) :].strip(" ")


def routes(
    sign_in: SignIn,
    log_ins: LogIns,
    accounts: AccountStore,
    people: People,
    registration: ConfirmedRegistration | None = None,
) -> list[web.RouteDef]:
    """The routes of this area; with `registration`, addresses are proven before there is an
    account. The application must have PRINCIPALS."""
    area = _Area(sign_in, log_ins, accounts, people, registration)
    return [
        web.post("/v1/auth/register", area.register),
        web.post("/v1/auth/register/confirm", area.confirm),
        web.post("/v1/auth/login", area.log_in),
        web.post("/v1/auth/refresh", area.refresh),
        web.post("/v1/auth/logout", area.log_out),
        web.get("/v1/me", area.me),
        web.get("/v1/users", area.find),
        web.get("/v1/users/{id}", area.user),
    ]


class _Area:
    def __init__(
        self,
        sign_in: SignIn,
        log_ins: LogIns,
        accounts: AccountStore,
        people: People,
        registration: ConfirmedRegistration | None,
    ) -> None:
        self._registration = registration
        self._sign_in = sign_in
        self._log_ins = log_ins
        self._accounts = accounts
        self._people = people

    async def register(self, request: web.Request) -> web.Response:
        body = await read_body(request, Register)
        applicant = Applicant(
            email=body.email, handle=body.handle, name=body.name, password=body.password
        )
        if self._registration is not None:
            asked = await self._registration.ask(applicant, origin_of(request))
            return json_response(Asked(request=asked), status=202)
        grant = await self._sign_in.register(applicant, origin_of(request))
        return granted(grant, status=201)

    async def confirm(self, request: web.Request) -> web.Response:
        body = await read_body(request, ConfirmRegistration)
        if self._registration is None:
            raise Refused("not_found", "addresses are not confirmed before registering here")
        grant = await self._registration.confirm(body.link, body.handle, origin_of(request))
        return granted(grant, status=201)

    async def log_in(self, request: web.Request) -> web.Response:
        body = await read_body(request, LogIn)
        grant = await self._sign_in.log_in(body.login, body.password, body.code, origin_of(request))
        return granted(grant)

    async def refresh(self, request: web.Request) -> web.Response:
        body = await read_body(request, Refresh)
        return granted(await self._log_ins.refresh(body.refresh_token, origin_of(request)))

    async def log_out(self, request: web.Request) -> web.Response:
        body = await read_body(request, Refresh)
        await self._log_ins.log_out(body.refresh_token, origin_of(request))
        return web.Response(status=204)

    async def me(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "account.get")
        account = await self._accounts.account(principal.user)
        if account is None:
            raise Refused("unauthenticated", "the account is gone")
        return json_response(own_account(account))

    async def find(self, request: web.Request) -> web.Response:
        await authorize(request, "user.find")
        wanted = await read_command(request, FindUsers)
        found = await self._people.by_handles([wanted.handle.lower()])
        items = (UserObject(id=one.id, handle=one.handle, name=one.name) for one in found.values())
        return json_response(UserList(items=tuple(items)))

    async def user(self, request: web.Request) -> web.Response:
        await authorize(request, "user.get")
        wanted = request.match_info["id"]
        account = await self._accounts.account(UserId(wanted)) if is_id(wanted, USER) else None
        if account is None:
            raise Refused("not_found", "there is no such user")
        return json_response(UserObject(id=account.id, handle=account.handle, name=account.name))


def granted(grant: Grant, status: int = 200) -> web.Response:
    """The tokens of somebody who has just signed in."""
    response = json_response(
        SignedIn(
            user=own_account(grant.account),
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            expires_in=grant.expires_in,
        ),
        status,
    )
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response


def own_account(account: Account) -> AccountObject:
    """An account as its owner sees it."""
    return AccountObject(
        id=account.id,
        handle=account.handle,
        name=account.name,
        email=account.email,
        email_confirmed=account.email_confirmed_at is not None,
        role=account.role,
        status=account.status,
        locale=account.locale,
        time_zone=account.time_zone,
        show_presence=account.show_presence,
        show_reading=account.show_reading,
        created_at=account.created_at,
    )


def origin_of(request: web.Request) -> Origin:
    """Where the request came from."""
    return Origin(
        address=remote_of(request),
        client=request.headers.get(hdrs.USER_AGENT, ""),
        request_id=request.get(REQUEST_ID),
    )
