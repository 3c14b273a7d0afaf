"""What the requests of REST do that are no command of the wire, in a line each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_TOKENS: Final = {
    "GET": "The personal tokens, without what opens them.",
    "POST": "Make a token; it is shown this once.",
    "DELETE": "End a token.",
}

WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "POST /v1/auth/register": "Make an account and sign in, where registration is open.",
        "POST /v1/auth/register/confirm": "Make the account that the link of a mail is about.",
        "POST /v1/auth/login": "Sign in by password.",
        "POST /v1/auth/refresh": "Exchange a refresh token for new tokens; it is good once.",
        "POST /v1/auth/logout": "End the session of a refresh token.",
        "POST /v1/auth/mail": "Ask for a mail with a code and a link to sign in by.",
        "POST /v1/auth/code": "Sign in by the code of a mail.",
        "POST /v1/auth/link": "Sign in by the link of a mail.",
        "POST /v1/auth/reset": "Ask for a mail with a link to choose a new password by.",
        "POST /v1/auth/reset/confirm": "Choose a new password by the link of a mail.",
        "POST /v1/auth/email/confirm": "Confirm an e-mail address by the link of a mail.",
        "GET /v1/auth/keys": "The public keys that access tokens are signed by, as a JWK set.",
        "GET /v1/auth/openid": "The OpenID Connect providers by which one may sign in.",
        "POST /v1/auth/openid/start": "Begin to sign in by a provider: where to send the browser.",
        "POST /v1/auth/openid/finish": "Sign in by what the provider sent back.",
        "POST /v1/auth/invited": "Make an account by an invitation, and sign in.",
        "GET /v1/invitations": "One's own invitations that are still good.",
        "POST /v1/invitations": "Invite; the link is shown this once.",
        "DELETE /v1/invitations/{invitation}": "End an invitation.",
        "GET /v1/files": (
            "One's own files, those in the trash, those that changed last, or one's favourites."
        ),
        "PUT /v1/files/{file}/favourite": "Mark a file that one may read as a favourite.",
        "DELETE /v1/files/{file}/favourite": "Mark a file no longer.",
        "GET /v1/files/{file}": "A file, without its content.",
        "PATCH /v1/files/{file}": "Give a file another name or another place.",
        "DELETE /v1/files/{file}": "Put a file into the trash; from there, delete it for good.",
        "GET /v1/files/{file}/versions": "The contents one's file has had, the newest first.",
        "DELETE /v1/files/{file}/versions/{version}": (
            "Delete an older content of a file for good; not the one it is shown with."
        ),
        "POST /v1/files/{file}/versions/{version}/restore": (
            "Show a file with an older content again. The others stay."
        ),
        "GET /v1/files/{file}/url": (
            "A URL that gives the content of a file to whoever has it, for an hour or two."
        ),
        "GET /v1/files/{file}/shares": "For whom one's file is, too.",
        "PUT /v1/files/{file}/shares/{reader}": (
            "Share a file with a user, or with the members of a channel one is in."
        ),
        "DELETE /v1/files/{file}/shares/{reader}": (
            "Share a file no longer; or take what is shared with oneself off the list."
        ),
        "GET /v1/shared": "Others' files that are shared with one, or with a channel one is in.",
        "POST /v1/files/{file}/links": (
            "Make a link by which anybody may read a file; it is shown this once."
        ),
        "GET /v1/files/{file}/links": "The links to a file, and how often they were used.",
        "DELETE /v1/files/{file}/links/{link}": "Revoke a link.",
        "GET /v1/links/{token}": (
            "What a link leads to, for everybody who has it. Its password, if it has one, is that"
            " of Basic authentication."
        ),
        "GET /v1/folders": "One's folders in another one, at the top, or in the trash.",
        "POST /v1/folders": "Make a folder.",
        "GET /v1/folders/{folder}": "A folder, without what is in it.",
        "PATCH /v1/folders/{folder}": "Rename a folder, or move it with all that is in it.",
        "DELETE /v1/folders/{folder}": (
            "Put a folder into the trash with all that is in it; from there, delete it for good."
        ),
        "POST /v1/folders/{folder}/restore": (
            "Take a folder and what went with it out of the trash."
        ),
        "POST /v1/files/{file}/restore": "Take a file out of the trash.",
        "GET /v1/storage": "How much of one's quota is used.",
        "GET /v1/me": "One's own account.",
        "PATCH /v1/me": "Change one's handle, name, language, time zone and privacy.",
        "POST /v1/me/password": "Choose another password; all other sessions end.",
        "POST /v1/me/email": "Ask for another e-mail address, which a mail must confirm.",
        "POST /v1/me/email/confirmation": "Send the mail that confirms the address again.",
        "POST /v1/me/deactivate": "Close the account until an administrator opens it again.",
        "POST /v1/me/delete": "Delete the account: nothing says any more whose it was.",
        "GET /v1/me/sessions": "Where one is signed in.",
        "DELETE /v1/me/sessions": "End all sessions.",
        "DELETE /v1/me/sessions/{session}": "End one session.",
        "GET /v1/me/second-factor": "Whether a second factor is on.",
        "POST /v1/me/second-factor": "Begin to add a second factor: its secret, for an app.",
        "POST /v1/me/second-factor/confirm": "Switch it on by a code of the app.",
        "POST /v1/me/second-factor/codes": "New recovery codes in the place of the old ones.",
        "POST /v1/me/second-factor/remove": "Switch the second factor off.",
        "GET /v1/me/identities": "The providers by which one may sign in to the account.",
        "POST /v1/me/identities": "Link a provider by what it sent back.",
        "POST /v1/me/identities/start": "Begin to link a provider: where to send the browser.",
        "POST /v1/me/identities/unlink": "Unlink a provider.",
        "GET /v1/me/bots": "One's own bots.",
        "POST /v1/me/bots": "Make a bot, which acts by tokens alone.",
        "PATCH /v1/me/bots/{bot}": "Change a bot's handle and name.",
        "DELETE /v1/me/bots/{bot}": "Delete a bot.",
        **{f"{method} /v1/me/tokens": _TOKENS[method] for method in ("GET", "POST")},
        "DELETE /v1/me/tokens/{token}": _TOKENS["DELETE"],
        **{f"{method} /v1/me/bots/{{bot}}/tokens": _TOKENS[method] for method in ("GET", "POST")},
        "DELETE /v1/me/bots/{bot}/tokens/{token}": _TOKENS["DELETE"],
        "GET /v1/users": "The user with that handle, if there is one.",
        "GET /v1/users/{id}": "One user.",
        "DELETE /v1/channels/{channel}/members/{user}": "Take a user out of a channel.",
        "GET /v1/admin/users": "Accounts, by pages.",
        "POST /v1/admin/users": "Make an account for somebody.",
        "GET /v1/admin/users/{id}": "One account.",
        "PATCH /v1/admin/users/{id}": "Change its role, handle, name or address.",
        "DELETE /v1/admin/users/{id}": "Delete it: nothing says any more whose it was.",
        "POST /v1/admin/users/{id}/suspend": "Let it read, and nothing else.",
        "POST /v1/admin/users/{id}/activate": "End that, or open a closed account again.",
        "POST /v1/admin/users/{id}/reset-password": "Mail a link to choose a password by.",
        "POST /v1/admin/users/{id}/revoke-sessions": "Sign it out everywhere.",
        "GET /v1/admin/reports": "Reported messages, open or closed, by pages.",
        "POST /v1/admin/reports/{report}/close": "Say what became of a report; delete the message.",
        "GET /v1/admin/audit": "The audit log, by pages.",
        "POST /v1/admin/audit/verify": "Whether its chain of hashes holds.",
    }
)
