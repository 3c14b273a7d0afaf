"""REST: administrators and moderators look after accounts.

GET    /v1/admin/users                          a page of accounts
POST   /v1/admin/users                          make one                        -> 201
GET    /v1/admin/users/{id}                     one of them
PATCH  /v1/admin/users/{id}                     role, handle, name, e-mail address
DELETE /v1/admin/users/{id}                     forget who it was               -> 204
POST   /v1/admin/users/{id}/suspend             let it read, and nothing else
POST   /v1/admin/users/{id}/activate            end that
POST   /v1/admin/users/{id}/reset-password      mail a link to choose one by    -> 202
POST   /v1/admin/users/{id}/revoke-sessions     sign it out everywhere          -> 204
"""

from aiohttp import web

from streamhub.domain.account_edits import AccountQuery
from streamhub.domain.accounts import Account
from streamhub.domain.admin_accounts import AdminAccounts
from streamhub.domain.admin_changes import AccountChange, NewAccount
from streamhub.domain.ids import UserId
from streamhub.protocol import admin as bodies
from streamhub.transport.bodies import json_response, read_body, read_command
from streamhub.transport.http_auth import authorize, origin_of


def routes(admin: AdminAccounts) -> list[web.RouteDef]:
    """The routes of this area. The application must have PRINCIPALS, see `http_auth`."""
    area = _Area(admin)
    return [
        web.get("/v1/admin/users", area.accounts),
        web.post("/v1/admin/users", area.create),
        web.get("/v1/admin/users/{id}", area.account),
        web.patch("/v1/admin/users/{id}", area.change),
        web.delete("/v1/admin/users/{id}", area.delete),
        web.post("/v1/admin/users/{id}/suspend", area.suspend),
        web.post("/v1/admin/users/{id}/activate", area.activate),
        web.post("/v1/admin/users/{id}/reset-password", area.reset_password),
        web.post("/v1/admin/users/{id}/revoke-sessions", area.revoke_sessions),
    ]


class _Area:
    def __init__(self, admin: AdminAccounts) -> None:
        self._admin = admin

    async def accounts(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_list")).standing
        wanted = await read_command(request, bodies.ListAccounts)
        query = AccountQuery(
            cursor=wanted.cursor,
            limit=wanted.limit,
            text=wanted.text,
            role=wanted.role,
            status=wanted.status,
            kind=wanted.kind,
            owner=None if wanted.owner is None else UserId(wanted.owner),
        )
        page = await self._admin.list(by, query)
        items = tuple(map(managed, page.items))
        return json_response(bodies.ManagedAccounts(items=items, next_cursor=page.next_cursor))

    async def create(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_create")).standing
        body = await read_body(request, bodies.CreateAccount)
        wanted = NewAccount(
            handle=body.handle,
            name=body.name,
            email=body.email,
            role=body.role,
            password=body.password,
        )
        account = await self._admin.create(by, wanted, origin_of(request))
        return json_response(managed(account), status=201)

    async def account(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_get")).standing
        wanted = await read_command(request, bodies.OneAccount)
        return json_response(managed(await self._admin.get(by, wanted.id)))

    async def change(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_update")).standing
        body = await read_command(request, bodies.ChangeAccount)
        wanted = AccountChange(role=body.role, handle=body.handle, name=body.name, email=body.email)
        account = await self._admin.update(by, body.id, wanted, origin_of(request))
        return json_response(managed(account))

    async def delete(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_delete")).standing
        wanted = await read_command(request, bodies.OneAccount)
        await self._admin.delete(by, wanted.id, origin_of(request))
        return web.Response(status=204)

    async def suspend(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_suspend")).standing
        wanted = await read_command(request, bodies.SuspendAccount)
        account = await self._admin.suspend(by, wanted.id, wanted.note, origin_of(request))
        return json_response(_moderated(account))

    async def activate(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_activate")).standing
        wanted = await read_command(request, bodies.OneAccount)
        account = await self._admin.activate(by, wanted.id, origin_of(request))
        return json_response(_moderated(account))

    async def reset_password(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_reset_password")).standing
        wanted = await read_command(request, bodies.OneAccount)
        await self._admin.mail_reset(by, wanted.id, origin_of(request))
        return web.Response(status=202)

    async def revoke_sessions(self, request: web.Request) -> web.Response:
        by = (await authorize(request, "admin.user_revoke_sessions")).standing
        wanted = await read_command(request, bodies.OneAccount)
        await self._admin.revoke_sessions(by, wanted.id, origin_of(request))
        return web.Response(status=204)


def _moderated(account: Account) -> bodies.ModeratedAccount:
    return bodies.ModeratedAccount(
        id=account.id,
        handle=account.handle,
        name=account.name,
        status=account.status,
        status_note=account.status_note,
    )


def managed(account: Account) -> bodies.ManagedAccount:
    """An account as administrators see it."""
    return bodies.ManagedAccount(
        id=account.id,
        handle=account.handle,
        name=account.name,
        status=account.status,
        status_note=account.status_note,
        email=account.email,
        email_confirmed=account.email_confirmed_at is not None,
        role=account.role,
        kind=account.kind,
        owner=account.owner,
        created_at=account.created_at,
    )
