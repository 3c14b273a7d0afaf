"""Every request of REST, and nothing else: the OpenAPI document and the tests of rights are made
from this table, and a route that is not here fails them.

Fields of `asks` that the path names are in the path; the others are in the query of GET and DELETE,
and in the JSON body of the rest.
"""

from typing import Final

from msgspec import Struct

from streamhub.protocol import (
    accounts,
    admin,
    files,
    folders,
    frames,
    invitations,
    own_account,
    own_tokens,
    reports,
    sharing,
)
from streamhub.protocol.frames import Incoming, Outgoing
from streamhub.protocol.tables import COMMANDS


class Request(Struct, frozen=True):
    """One request. `right` is its row of the table of rights, empty for what everybody may do;
    `answers` is None where there is no body. `keyed`: it takes an `Idempotency-Key`. `made`: the
    status where it made what otherwise was there already."""

    method: str
    path: str
    right: str
    asks: type[Incoming] | None
    answers: type[Outgoing] | None
    status: int = 200
    keyed: bool = False
    made: int | None = None

    @property
    def id(self) -> str:
        """A name for generated clients."""
        words = self.path.removeprefix("/v1/").replace("{", "").replace("}", "").split("/")
        return "_".join([self.method.lower(), *words]).replace("-", "_")


def _chat(method: str, path: str, name: str, status: int = 200, made: int | None = None) -> Request:
    """A command of the wire over REST."""
    spec = COMMANDS[name]
    keyed = method != "GET"
    return Request(method, path, name, spec.body, spec.reply, status, keyed, made)


_CHANNEL: Final = "/v1/channels/{channel}"
_MESSAGE: Final = f"{_CHANNEL}/messages/{{message}}"
_ME: Final = "/v1/me"
_USERS: Final = "/v1/admin/users"
_SIGNED_IN: Final = accounts.SignedIn

CHAT: Final = (
    _chat("GET", "/v1/channels", "channel.list"),
    _chat("POST", "/v1/channels", "channel.create", 201),
    _chat("GET", _CHANNEL, "channel.get"),
    _chat("POST", f"{_CHANNEL}/join", "channel.join"),
    _chat("POST", f"{_CHANNEL}/leave", "channel.leave"),
    _chat("GET", f"{_CHANNEL}/sync", "channel.sync"),
    _chat("POST", f"{_CHANNEL}/read", "channel.read"),
    _chat("POST", f"{_CHANNEL}/unread", "channel.mark_unread"),
    _chat("GET", f"{_CHANNEL}/seen", "channel.seen"),
    _chat("PATCH", _CHANNEL, "channel.update"),
    _chat("POST", f"{_CHANNEL}/archive", "channel.archive"),
    _chat("GET", f"{_CHANNEL}/members", "member.list"),
    _chat("POST", f"{_CHANNEL}/members", "member.add"),
    Request(
        "DELETE", f"{_CHANNEL}/members/{{user}}", "member.remove", None, frames.Members, keyed=True
    ),
    _chat("PATCH", f"{_CHANNEL}/members/{{user}}", "member.update"),
    _chat("GET", f"{_CHANNEL}/bans", "member.banned"),
    _chat("PUT", f"{_CHANNEL}/bans/{{user}}", "member.ban"),
    _chat("DELETE", f"{_CHANNEL}/bans/{{user}}", "member.unban"),
    _chat("POST", "/v1/directs", "direct.open", made=201),
    _chat("POST", "/v1/directs/{channel}/hide", "direct.hide"),
    _chat("POST", f"{_CHANNEL}/messages", "message.send", 201),
    _chat("GET", f"{_CHANNEL}/messages", "message.history"),
    _chat("GET", _MESSAGE, "message.get"),
    _chat("PATCH", _MESSAGE, "message.edit"),
    _chat("DELETE", _MESSAGE, "message.delete"),
    _chat("GET", f"{_MESSAGE}/editions", "message.editions"),
    _chat("PUT", f"{_MESSAGE}/reactions/{{reaction}}", "reaction.add"),
    _chat("DELETE", f"{_MESSAGE}/reactions/{{reaction}}", "reaction.remove"),
    _chat("PUT", f"{_MESSAGE}/pin", "pin.add"),
    _chat("DELETE", f"{_MESSAGE}/pin", "pin.remove"),
    _chat("PUT", f"{_MESSAGE}/saved", "message.save"),
    _chat("DELETE", f"{_MESSAGE}/saved", "message.unsave"),
    _chat("GET", "/v1/saved", "message.saved"),
    _chat("PUT", f"{_CHANNEL}/draft", "draft.set"),
    _chat("GET", "/v1/drafts", "draft.list"),
    _chat("POST", "/v1/schedule", "schedule.create", 201),
    _chat("GET", "/v1/schedule", "schedule.list"),
    _chat("PATCH", "/v1/schedule/{schedule}", "schedule.update"),
    _chat("DELETE", "/v1/schedule/{schedule}", "schedule.cancel"),
    _chat("PUT", f"{_CHANNEL}/notify", "channel.notify"),
    _chat("GET", "/v1/notifications", "notification.list"),
    _chat("POST", "/v1/notifications/read", "notification.read"),
    _chat("POST", f"{_MESSAGE}/reports", "message.report"),
    _chat("GET", "/v1/search", "message.search"),
    _chat("POST", f"{_MESSAGE}/thread/read", "thread.read"),
    _chat("PUT", f"{_MESSAGE}/thread", "thread.follow"),
    _chat("GET", "/v1/threads", "thread.list"),
    _chat("GET", f"{_CHANNEL}/pins", "pin.list"),
    _chat("POST", f"{_CHANNEL}/typing", "typing.start"),
    _chat("PUT", f"{_ME}/presence", "presence.set"),
    _chat("GET", "/v1/users/{user}/presence", "presence.get"),
)
WAYS_IN: Final = (
    Request("POST", "/v1/auth/register", "", accounts.Register, _SIGNED_IN, 201),
    Request(
        "POST",
        "/v1/auth/register/confirm",
        "",
        own_account.ConfirmRegistration,
        _SIGNED_IN,
        201,
    ),
    Request("POST", "/v1/auth/login", "", accounts.LogIn, _SIGNED_IN),
    Request("POST", "/v1/auth/refresh", "", accounts.Refresh, _SIGNED_IN),
    Request("POST", "/v1/auth/logout", "", accounts.Refresh, None, 204),
    Request("POST", "/v1/auth/mail", "", own_account.AskByMail, own_account.Asked, 202),
    Request("POST", "/v1/auth/code", "", own_account.UseCode, _SIGNED_IN),
    Request("POST", "/v1/auth/link", "", own_account.UseLink, _SIGNED_IN),
    Request("POST", "/v1/auth/reset", "", own_account.AskByMail, own_account.Asked, 202),
    Request("POST", "/v1/auth/reset/confirm", "", own_account.ResetPassword, None, 204),
    Request("POST", "/v1/auth/email/confirm", "", own_account.ConfirmEmail, None, 204),
    Request("GET", "/v1/auth/keys", "", None, accounts.TokenKeySet),
    Request("GET", "/v1/auth/openid", "", None, own_account.ProviderList),
    Request(
        "POST", "/v1/auth/openid/start", "", own_account.StartOpenId, own_account.OpenIdStarted
    ),
    Request("POST", "/v1/auth/openid/finish", "", own_account.FinishOpenId, _SIGNED_IN),
)
PEOPLE: Final = (
    Request("GET", "/v1/users", "user.find", accounts.FindUsers, accounts.UserList),
    Request("GET", "/v1/users/{id}", "user.get", None, frames.UserObject),
)
OWN: Final = (
    Request("GET", _ME, "account.get", None, accounts.AccountObject),
    Request("PATCH", _ME, "account.update", own_account.ChangeProfile, accounts.AccountObject),
    Request(
        "POST",
        f"{_ME}/password",
        "account.change_password",
        own_account.ChangePassword,
        None,
        204,
    ),
    Request("POST", f"{_ME}/email", "account.change_email", own_account.ChangeEmail, None, 202),
    Request("POST", f"{_ME}/email/confirmation", "account.change_email", None, None, 202),
    Request("POST", f"{_ME}/deactivate", "account.deactivate", own_account.Proof, None, 204),
    Request("POST", f"{_ME}/delete", "account.delete", own_account.Proof, None, 204),
    Request("GET", f"{_ME}/sessions", "session.list", None, own_account.SessionList),
    Request("DELETE", f"{_ME}/sessions", "session.revoke", None, None, 204),
    Request("DELETE", f"{_ME}/sessions/{{session}}", "session.revoke", None, None, 204),
    Request(
        "GET", f"{_ME}/second-factor", "account.second_factor", None, own_account.SecondFactorState
    ),
    Request(
        "POST",
        f"{_ME}/second-factor",
        "account.second_factor",
        own_account.Proof,
        own_account.EnrolmentObject,
        201,
    ),
    Request(
        "POST",
        f"{_ME}/second-factor/confirm",
        "account.second_factor",
        own_account.ConfirmFactor,
        own_account.RecoveryCodes,
    ),
    Request(
        "POST",
        f"{_ME}/second-factor/codes",
        "account.second_factor",
        own_account.Proof,
        own_account.RecoveryCodes,
    ),
    Request(
        "POST",
        f"{_ME}/second-factor/remove",
        "account.second_factor",
        own_account.Proof,
        None,
        204,
    ),
    Request("GET", f"{_ME}/identities", "account.get", None, own_account.IdentityList),
    Request(
        "POST",
        f"{_ME}/identities/start",
        "identity.link",
        own_account.StartOpenId,
        own_account.OpenIdStarted,
    ),
    Request(
        "POST",
        f"{_ME}/identities",
        "identity.link",
        own_account.FinishOpenId,
        own_account.IdentityObject,
        201,
    ),
    Request("POST", f"{_ME}/identities/unlink", "identity.unlink", own_account.Unlink, None, 204),
)
ADMIN: Final = (
    Request("GET", _USERS, "admin.user_list", admin.ListAccounts, admin.ManagedAccounts),
    Request("POST", _USERS, "admin.user_create", admin.CreateAccount, admin.ManagedAccount, 201),
    Request("GET", f"{_USERS}/{{id}}", "admin.user_get", admin.OneAccount, admin.ManagedAccount),
    Request(
        "PATCH", f"{_USERS}/{{id}}", "admin.user_update", admin.ChangeAccount, admin.ManagedAccount
    ),
    Request("DELETE", f"{_USERS}/{{id}}", "admin.user_delete", admin.OneAccount, None, 204),
    Request(
        "POST",
        f"{_USERS}/{{id}}/suspend",
        "admin.user_suspend",
        admin.SuspendAccount,
        admin.ModeratedAccount,
    ),
    Request(
        "POST",
        f"{_USERS}/{{id}}/activate",
        "admin.user_activate",
        admin.OneAccount,
        admin.ModeratedAccount,
    ),
    Request(
        "POST",
        f"{_USERS}/{{id}}/reset-password",
        "admin.user_reset_password",
        admin.OneAccount,
        None,
        202,
    ),
    Request(
        "POST",
        f"{_USERS}/{{id}}/revoke-sessions",
        "admin.user_revoke_sessions",
        admin.OneAccount,
        None,
        204,
    ),
    Request(
        "GET", "/v1/admin/reports", "admin.report_list", reports.ListReports, reports.ReportPage
    ),
    Request(
        "POST",
        "/v1/admin/reports/{report}/close",
        "admin.report_close",
        reports.CloseReport,
        reports.ReportObject,
    ),
    Request("GET", "/v1/admin/audit", "admin.audit_list", admin.ListAudit, admin.AuditPage),
    Request(
        "POST",
        "/v1/admin/audit/verify",
        "admin.audit_verify",
        admin.VerifyAudit,
        admin.AuditVerdict,
    ),
)


def _tokens(path: str) -> tuple[Request, ...]:
    """Those of a person, and the same of a bot."""
    return (
        Request("GET", path, "token.list", None, own_tokens.TokenList),
        Request("POST", path, "token.create", own_tokens.MakeToken, own_tokens.MadeToken, 201),
        Request("DELETE", f"{path}/{{token}}", "token.revoke", None, None, 204),
    )


TOKENS: Final = (
    *_tokens(f"{_ME}/tokens"),
    Request("GET", f"{_ME}/bots", "bot.list", None, own_tokens.BotList),
    Request("POST", f"{_ME}/bots", "bot.create", own_tokens.MakeBot, own_tokens.BotObject, 201),
    Request(
        "PATCH", f"{_ME}/bots/{{bot}}", "bot.create", own_tokens.ChangeBot, own_tokens.BotObject
    ),
    Request("DELETE", f"{_ME}/bots/{{bot}}", "bot.delete", None, None, 204),
    *_tokens(f"{_ME}/bots/{{bot}}/tokens"),
)
INVITATIONS: Final = (
    Request("POST", "/v1/auth/invited", "", invitations.Redeem, _SIGNED_IN, 201),
    Request("GET", "/v1/invitations", "invitation.list", None, invitations.InvitationList),
    Request(
        "POST",
        "/v1/invitations",
        "invitation.create",
        invitations.Invite,
        invitations.MadeInvitation,
        201,
    ),
    Request("DELETE", "/v1/invitations/{invitation}", "invitation.revoke", None, None, 204),
)
_FILE: Final = "/v1/files/{file}"
_VERSION: Final = f"{_FILE}/versions/{{version}}"
FILES: Final = (
    Request("GET", "/v1/files", "file.list", files.ListFiles, files.FilePage),
    Request("GET", _FILE, "file.get", files.GetFile, files.FileObject),
    Request("PATCH", _FILE, "file.rename", files.ChangeFile, files.FileObject),
    Request("DELETE", _FILE, "file.change", files.GetFile, None, 204),
    Request("POST", f"{_FILE}/restore", "file.change", files.GetFile, files.FileObject),
    Request("PUT", f"{_FILE}/favourite", "file.mark", files.GetFile, None, 204),
    Request("DELETE", f"{_FILE}/favourite", "file.mark", files.GetFile, None, 204),
    Request("GET", f"{_FILE}/versions", "file.get", files.GetFile, files.VersionList),
    Request("DELETE", _VERSION, "file.change", files.GetVersion, None, 204),
    Request("POST", f"{_VERSION}/restore", "file.change", files.GetVersion, files.FileObject),
    Request("GET", f"{_FILE}/url", "file.get", files.GetFile, files.SignedUrl),
    Request("GET", f"{_FILE}/shares", "file.get", files.GetFile, sharing.ShareList),
    Request("PUT", f"{_FILE}/shares/{{reader}}", "file.share", sharing.ShareFile, None, 204),
    Request("DELETE", f"{_FILE}/shares/{{reader}}", "file.share", sharing.ShareFile, None, 204),
    Request("GET", "/v1/shared", "file.list", sharing.ListShared, sharing.SharedPage),
    Request("POST", f"{_FILE}/links", "file.share", sharing.MakeLink, sharing.MadeLink, 201),
    Request("GET", f"{_FILE}/links", "file.get", files.GetFile, sharing.LinkList),
    Request("DELETE", f"{_FILE}/links/{{link}}", "file.share", sharing.GetLink, None, 204),
    Request("GET", "/v1/links/{token}", "", None, sharing.LinkedFile),
    Request("GET", "/v1/storage", "file.list", None, files.StorageObject),
)
_FOLDER: Final = "/v1/folders/{folder}"
FOLDERS: Final = (
    Request("GET", "/v1/folders", "file.list", folders.ListFolders, folders.FolderPage),
    Request("POST", "/v1/folders", "file.change", folders.MakeFolder, folders.FolderObject, 201),
    Request("GET", _FOLDER, "file.get", folders.GetFolder, folders.FolderObject),
    Request("PATCH", _FOLDER, "file.change", folders.ChangeFolder, folders.FolderObject),
    Request("DELETE", _FOLDER, "file.change", folders.GetFolder, None, 204),
    Request("POST", f"{_FOLDER}/restore", "file.change", folders.GetFolder, folders.FolderObject),
)
REQUESTS: Final = (*WAYS_IN, *INVITATIONS, *OWN, *TOKENS, *PEOPLE, *CHAT, *FILES, *FOLDERS, *ADMIN)
"""All but `GET /v1/server`, `GET /v1/openapi.json`, the socket at `GET /v1/ws`, and those whose
bodies are contents of files."""
