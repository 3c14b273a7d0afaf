"""REST: one's own account, its sessions, its second factor, and ways in by mail.

POST   /v1/auth/mail                     mail a code and a link to sign in by   -> 202
POST   /v1/auth/code                     sign in by the code
POST   /v1/auth/link                     sign in by the link
POST   /v1/auth/reset                    mail a link to choose a password by    -> 202
POST   /v1/auth/reset/confirm            choose it                              -> 204
POST   /v1/auth/email/confirm            use an address that was proven         -> 204
PATCH  /v1/me                            change the profile
POST   /v1/me/password                   change the password                    -> 204
POST   /v1/me/email                      mail a link to a new address           -> 202
POST   /v1/me/email/confirmation         mail a link to the present one         -> 202
POST   /v1/me/deactivate                 close the account                      -> 204
POST   /v1/me/delete                     close it and forget who it was         -> 204
GET    /v1/me/sessions                   who is signed in, and where
DELETE /v1/me/sessions                   sign out all others                    -> 204
DELETE /v1/me/sessions/{session}         sign out one                           -> 204
GET    /v1/me/second-factor              whether it is on
POST   /v1/me/second-factor              begin to turn it on                    -> 201
POST   /v1/me/second-factor/confirm      turn it on: recovery codes
POST   /v1/me/second-factor/codes        new recovery codes
POST   /v1/me/second-factor/remove       turn it off                            -> 204
"""

from dataclasses import dataclass

import msgspec
from aiohttp import hdrs, web

from streamhub.domain.accounts import Account, AccountStore
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.log_ins import LogIns
from streamhub.domain.one_time import Purpose
from streamhub.domain.own_account import OwnAccount, Profile
from streamhub.domain.passwords import MIN_LENGTH
from streamhub.domain.principals import Principal
from streamhub.domain.recovery import Recovery
from streamhub.domain.second_factors import SecondFactors
from streamhub.domain.sign_in import SignIn
from streamhub.protocol import own_account as bodies
from streamhub.transport.bodies import json_response, read_body
from streamhub.transport.http_auth import authorize, granted, origin_of, own_account


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountServices:
    """What the routes work with."""

    accounts: AccountStore
    log_ins: LogIns
    own: OwnAccount
    recovery: Recovery
    second_factors: SecondFactors
    sign_in: SignIn


def routes(services: AccountServices) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    mail, own, factor = _ByMail(services), _Own(services), _SecondFactor(services)
    return [
        web.post("/v1/auth/mail", mail.ask_sign_in),
        web.post("/v1/auth/code", mail.use_code),
        web.post("/v1/auth/link", mail.use_link),
        web.post("/v1/auth/reset", mail.ask_reset),
        web.post("/v1/auth/reset/confirm", mail.reset),
        web.post("/v1/auth/email/confirm", mail.confirm_email),
        web.patch("/v1/me", own.change_profile),
        web.post("/v1/me/password", own.change_password),
        web.post("/v1/me/email", own.change_email),
        web.post("/v1/me/email/confirmation", own.ask_confirmation),
        web.post("/v1/me/deactivate", own.deactivate),
        web.post("/v1/me/delete", own.delete),
        web.get("/v1/me/sessions", own.sessions),
        web.delete("/v1/me/sessions", own.end_others),
        web.delete("/v1/me/sessions/{session}", own.end_session),
        web.get("/v1/me/second-factor", factor.state),
        web.post("/v1/me/second-factor", factor.begin),
        web.post("/v1/me/second-factor/confirm", factor.confirm),
        web.post("/v1/me/second-factor/codes", factor.renew_codes),
        web.post("/v1/me/second-factor/remove", factor.remove),
    ]


class _ByMail:
    def __init__(self, services: AccountServices) -> None:
        self._services = services

    async def ask_sign_in(self, request: web.Request) -> web.Response:
        return await self._ask(request, "sign_in")

    async def ask_reset(self, request: web.Request) -> web.Response:
        return await self._ask(request, "password_reset")

    async def _ask(self, request: web.Request, purpose: Purpose) -> web.Response:
        body = await read_body(request, bodies.AskByMail)
        asked = await self._services.recovery.ask(purpose, body.login, origin_of(request))
        return json_response(bodies.Asked(request=asked), status=202)

    async def use_code(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.UseCode)
        recovery = self._services.recovery
        return granted(
            await recovery.sign_in_by_code(body.request, body.code, body.second, origin_of(request))
        )

    async def use_link(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.UseLink)
        recovery = self._services.recovery
        return granted(await recovery.sign_in_by_link(body.link, body.second, origin_of(request)))

    async def reset(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.ResetPassword)
        await self._services.recovery.reset(body.link, body.password, origin_of(request))
        return web.Response(status=204)

    async def confirm_email(self, request: web.Request) -> web.Response:
        body = await read_body(request, bodies.ConfirmEmail)
        await self._services.own.confirm_email(body.link, origin_of(request))
        return web.Response(status=204)


class _Own:
    def __init__(self, services: AccountServices) -> None:
        self._services = services

    async def change_profile(self, request: web.Request) -> web.Response:
        _, account = await acting(self._services.accounts, request, "account.update")
        body = await read_body(request, bodies.ChangeProfile)
        wanted = Profile(**msgspec.structs.asdict(body))
        changed = await self._services.own.change_profile(account, wanted, origin_of(request))
        return json_response(own_account(changed))

    async def change_password(self, request: web.Request) -> web.Response:
        principal, account = await acting(
            self._services.accounts, request, "account.change_password"
        )
        body = await read_body(request, bodies.ChangePassword)
        await self._services.own.change_password(
            account, body.current_password, body.password, principal.family, origin_of(request)
        )
        return web.Response(status=204)

    async def change_email(self, request: web.Request) -> web.Response:
        _, account = await acting(self._services.accounts, request, "account.change_email")
        body = await read_body(request, bodies.ChangeEmail)
        await self._services.own.ask_email_change(
            account, body.email, body.current_password, origin_of(request)
        )
        return web.Response(status=202)

    async def ask_confirmation(self, request: web.Request) -> web.Response:
        _, account = await acting(self._services.accounts, request, "account.change_email")
        await self._services.own.ask_confirmation(account)
        return web.Response(status=202)

    async def deactivate(self, request: web.Request) -> web.Response:
        return await self._close(request, "account.deactivate", delete=False)

    async def delete(self, request: web.Request) -> web.Response:
        return await self._close(request, "account.delete", delete=True)

    async def _close(self, request: web.Request, operation: str, *, delete: bool) -> web.Response:
        _, account = await acting(self._services.accounts, request, operation)
        body = await read_body(request, bodies.Proof)
        await self._services.own.close(
            account, body.current_password, origin_of(request), delete=delete
        )
        return web.Response(status=204)

    async def sessions(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "session.list")
        items = tuple(
            bodies.SessionObject(
                id=family.id,
                client=family.client,
                address=family.address,
                opened_at=family.opened_at,
                last_used_at=family.last_used_at,
                last_address=family.last_address,
                expires_at=family.expires_at,
                current=family.id == principal.family,
            )
            for family in await self._services.log_ins.of(principal.user)
        )
        return json_response(bodies.SessionList(items=items))

    async def end_session(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "session.revoke")
        family = FamilyId(request.match_info["session"])
        await self._services.log_ins.end(principal.user, family, origin_of(request))
        return web.Response(status=204)

    async def end_others(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "session.revoke")
        await self._services.own.sign_out_others(
            principal.user, principal.family, origin_of(request)
        )
        return web.Response(status=204)


class _SecondFactor:
    def __init__(self, services: AccountServices) -> None:
        self._services = services
        self._factors = services.second_factors

    async def state(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "account.second_factor")
        on = await self._factors.is_on(principal.user)
        left = await self._factors.recovery_left(principal.user) if on else 0
        return json_response(bodies.SecondFactorState(on=on, recovery_codes_left=left))

    async def begin(self, request: web.Request) -> web.Response:
        _, account = await self._proven(request)
        enrolment = await self._factors.begin(account.id, account.handle)
        if enrolment is None:
            raise Refused("conflict", "a second factor is on already: remove it first")
        body = bodies.EnrolmentObject(secret=enrolment.secret, uri=enrolment.uri)
        return _secret(json_response(body, status=201))

    async def confirm(self, request: web.Request) -> web.Response:
        principal = await authorize(request, "account.second_factor")
        body = await read_body(request, bodies.ConfirmFactor)
        codes = await self._factors.confirm(principal.user, body.code, origin_of(request))
        if codes is None:
            raise Refused("unauthenticated", "the code is wrong, or nothing waits", field="code")
        return _secret(json_response(bodies.RecoveryCodes(codes=codes)))

    async def renew_codes(self, request: web.Request) -> web.Response:
        principal, _ = await self._proven(request)
        if not await self._factors.is_on(principal.user):
            raise Refused("conflict", "no second factor is on")
        codes = await self._factors.renew_recovery(principal.user)
        return _secret(json_response(bodies.RecoveryCodes(codes=codes)))

    async def remove(self, request: web.Request) -> web.Response:
        principal, _ = await self._proven(request, alone=True)
        await self._factors.remove(principal.user, origin_of(request))
        return web.Response(status=204)

    async def _proven(
        self, request: web.Request, *, alone: bool = False
    ) -> tuple[Principal, Account]:
        """Who asks, once they have shown that they know the password; `alone`: it must be long
        enough to be all there is. Raises Refused: unauthenticated, conflict."""
        principal, account = await acting(self._services.accounts, request, "account.second_factor")
        body = await read_body(request, bodies.Proof)
        await self._services.sign_in.prove(account, body.current_password, origin_of(request))
        password = body.current_password
        if alone and password is not None and len(password) < MIN_LENGTH:
            detail = f"choose a password of at least {MIN_LENGTH} characters first"
            raise Refused("conflict", detail, field="password")
        return principal, account


async def acting(
    accounts: AccountStore, request: web.Request, operation: str
) -> tuple[Principal, Account]:
    """Who the request acts for, with the whole account. Raises like `authorize`."""
    principal = await authorize(request, operation)
    account = await accounts.account(principal.user)
    if account is None:
        raise Refused("unauthenticated", "the account is gone")
    return principal, account


def _secret(response: web.Response) -> web.Response:
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    return response
