"""One's own account over HTTP: ways in by mail, profile, password, sessions, second factor."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pyotp
import pytest
from aiohttp import ClientResponse
from support.account_site import (
    PASSWORD,
    AccountSite,
    Person,
    account_site,
    code_in,
    link_in,
)

from streamhub.client import ConfirmByMail, HttpApi, Refused
from streamhub.domain.audit import AuditQuery
from streamhub.persistence.audit import PostgresAuditLog
from streamhub.persistence.embedded.stack import EmbeddedUrls

NEW_PASSWORD = "another horse battery staple"


@pytest.fixture
async def site(servers: EmbeddedUrls) -> AsyncIterator[AccountSite]:
    async with account_site(servers) as site:
        yield site


async def code_of(response: ClientResponse) -> str:
    """The problem's code, or nothing."""
    if response.status < 400:
        return ""
    return str((await response.json())["code"])


async def log_in(site: AccountSite, login: str, password: str, **more: str) -> ClientResponse:
    return await site.post("/v1/auth/login", login=login, password=password, **more)


# Ways in by mail


async def test_a_code_from_a_mail_signs_in_once_with_its_request(site: AccountSite) -> None:
    ann = await site.person()
    asked = await site.post("/v1/auth/mail", login=ann.handle)
    assert asked.status == 202
    request = (await asked.json())["request"]
    code = code_in(await ann.mail("sign_in"))
    wrong = await site.post("/v1/auth/code", request="A" * 22, code=code)
    assert await code_of(wrong) == "unauthenticated"
    failed = await PostgresAuditLog(site.pool).entries(AuditQuery(kind="sign_in.failed", limit=1))
    assert (failed[0].detail, failed[0].address) == ("mail", "127.0.0.1")
    granted = await site.post("/v1/auth/code", request=request, code=code)
    assert granted.status == 200
    assert (await granted.json())["user"]["id"] == ann.id
    again = await site.post("/v1/auth/code", request=request, code=code)
    assert await code_of(again) == "unauthenticated"
    me = await ann.json("GET", "/v1/me")
    assert me["email_confirmed"]


async def test_a_link_from_a_mail_signs_in_once_among_a_hundred(site: AccountSite) -> None:
    ann = await site.person()
    await site.post("/v1/auth/mail", login=ann.email.upper())
    link = link_in(await ann.mail("sign_in"))
    used = await asyncio.gather(*(site.post("/v1/auth/link", link=link) for _ in range(15)))
    assert sorted(response.status for response in used) == [200] + [401] * 14


async def test_asking_does_not_tell_who_is_there(site: AccountSite) -> None:
    ann = await site.person()
    for path in ("/v1/auth/mail", "/v1/auth/reset"):
        shown: list[tuple[int, list[str], int]] = []
        for login in (ann.handle, "nobody-at-all", "nobody@example.org"):
            response = await site.post(path, login=login)
            body = await response.json()
            shown.append((response.status, sorted(body), len(body["request"])))
        assert shown[0] == shown[1] == shown[2]
    await ann.mail("password_reset")


async def test_no_mailbox_is_flooded_and_nobody_is_told(site: AccountSite) -> None:
    ann = await site.person()
    for _ in range(8):
        assert (await site.post("/v1/auth/mail", login=ann.handle)).status == 202
    await ann.mail("sign_in")
    await site.accounts.stop()
    assert 1 <= (await site.mailed(ann.email)).count("sign_in") <= 5


async def test_a_forgotten_password_is_chosen_anew_and_everybody_is_signed_out(
    site: AccountSite,
) -> None:
    ann = await site.person()
    await ann.json("GET", "/v1/me")
    await site.post("/v1/auth/reset", login=ann.handle)
    link = link_in(await ann.mail("password_reset"))
    weak = await site.post("/v1/auth/reset/confirm", link=link, password="password1234")
    assert (weak.status, (await weak.json())["field"]) == (400, "password")
    done = await site.post("/v1/auth/reset/confirm", link=link, password=NEW_PASSWORD)
    assert done.status == 204
    await site.hear()
    assert (await ann.call("GET", "/v1/me")).status == 401
    assert (await log_in(site, ann.handle, PASSWORD)).status == 401
    assert (await log_in(site, ann.handle, NEW_PASSWORD)).status == 200
    await ann.mail("password_changed")
    again = await site.post("/v1/auth/reset/confirm", link=link, password=NEW_PASSWORD)
    assert again.status == 401
    assert "password.reset" in await site.recorded(ann.id)


# Profile, password, address


async def test_a_profile_is_changed_in_part(site: AccountSite) -> None:
    ann = await site.person()
    changes = {"name": "Änn", "time_zone": "Europe/Vienna", "show_reading": False}
    changed = await ann.json("PATCH", "/v1/me", changes)
    assert {name: changed[name] for name in changes} == changes
    assert (changed["handle"], changed["locale"]) == (ann.handle, "en")
    assert await ann.json("GET", "/v1/me") == changed


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": ""}, "bad_request", "name"),
        ({"name": "a\u202eb"}, "invalid_text", "name"),
        ({"handle": "Ann"}, "bad_request", "handle"),
        ({"handle": "\u0430nn"}, "bad_request", "handle"),
        ({"handle": "admin"}, "conflict", None),
        ({"locale": "english"}, "bad_request", "locale"),
        ({"time_zone": "Mars/Olympus"}, "bad_request", "time_zone"),
        ({"role": "admin"}, "unknown_field", "role"),
        ({"status": "active"}, "unknown_field", "status"),
        ({"email": "x@example.org"}, "unknown_field", "email"),
        ({"show_reading": 1}, "bad_request", "show_reading"),
    ],
)
async def test_what_may_not_be_changed_is_refused_by_name(
    site: AccountSite, change: dict[str, Any], code: str, field: str | None
) -> None:
    ann = await site.person()
    before = await ann.json("GET", "/v1/me")
    response = await ann.call("PATCH", "/v1/me", change)
    problem = await response.json()
    assert (problem["code"], problem.get("field")) == (code, field)
    assert await ann.json("GET", "/v1/me") == before


async def test_a_new_password_takes_the_old_one_and_ends_other_sessions(site: AccountSite) -> None:
    ann = await site.person()
    other = site.signed_in(await (await log_in(site, ann.handle, PASSWORD)).json(), ann.email)
    wrong = await ann.post("/v1/me/password", password=NEW_PASSWORD, current_password="wrong")
    assert await code_of(wrong) == "unauthenticated"
    done = await ann.post("/v1/me/password", password=NEW_PASSWORD, current_password=PASSWORD)
    assert done.status == 204
    await site.hear()
    assert (await other.call("GET", "/v1/me")).status == 401
    assert (await ann.call("GET", "/v1/me")).status == 200
    assert (await log_in(site, ann.handle, NEW_PASSWORD)).status == 200


async def test_an_address_is_used_once_its_owner_confirmed_it(site: AccountSite) -> None:
    ann = await site.person()
    new = f"new-{ann.email}"
    asked = await ann.post("/v1/me/email", email=new, current_password=PASSWORD)
    assert asked.status == 202
    assert (await ann.json("GET", "/v1/me"))["email"] == ann.email
    link = link_in(await site.mail(new, "email_change"))
    assert (await site.post("/v1/auth/email/confirm", link=link)).status == 204
    me = await ann.json("GET", "/v1/me")
    assert (me["email"], me["email_confirmed"]) == (new, True)
    await ann.mail("email_changed")  # at the old address
    assert (await site.post("/v1/auth/email/confirm", link=link)).status == 401


async def test_an_address_that_somebody_else_got_meanwhile_is_not_taken(site: AccountSite) -> None:
    ann = await site.person()
    wanted = f"wanted-{ann.email}"
    await ann.post("/v1/me/email", email=wanted, current_password=PASSWORD)
    link = link_in(await site.mail(wanted, "email_change"))
    await site.person(email=wanted)
    assert (await site.post("/v1/auth/email/confirm", link=link)).status == 409
    assert (await ann.json("GET", "/v1/me"))["email"] == ann.email


async def test_the_address_one_registered_with_is_confirmed_by_a_link(site: AccountSite) -> None:
    ann = await site.person()
    assert (await ann.call("POST", "/v1/me/email/confirmation")).status == 202
    link = link_in(await ann.mail("welcome"))
    assert (await site.post("/v1/auth/email/confirm", link=link)).status == 204
    assert (await ann.json("GET", "/v1/me"))["email_confirmed"]
    assert (await ann.call("POST", "/v1/me/email/confirmation")).status == 409


async def test_a_deleted_account_is_closed_and_forgotten(site: AccountSite) -> None:
    ann, bob = await site.person(), await site.person()
    assert (await ann.post("/v1/me/delete", current_password="wrong")).status == 401
    assert (await ann.post("/v1/me/delete", current_password=PASSWORD)).status == 204
    await site.hear()
    assert (await ann.call("GET", "/v1/me")).status == 401
    assert (await log_in(site, ann.handle, PASSWORD)).status == 401
    shown = await bob.json("GET", f"/v1/users/{ann.id}")
    assert ann.handle not in shown["handle"]
    assert shown["name"] == "Deleted account"
    row = await site.pool.fetchrow("SELECT users::text AS row FROM users WHERE id = $1", ann.id)
    assert row is not None
    assert ann.email not in row["row"]
    await site.person(handle=ann.handle, email=ann.email)  # free again


async def test_a_deactivated_account_is_closed_and_kept(site: AccountSite) -> None:
    ann, bob = await site.person(), await site.person()
    assert (await ann.post("/v1/me/deactivate", current_password=PASSWORD)).status == 204
    await site.hear()
    assert (await ann.call("GET", "/v1/me")).status == 401
    assert (await log_in(site, ann.handle, PASSWORD)).status == 401
    assert (await bob.json("GET", f"/v1/users/{ann.id}"))["handle"] == ann.handle


# Sessions


async def test_sessions_are_listed_and_ended_by_their_owner_alone(site: AccountSite) -> None:
    ann, bob = await site.person(), await site.person()
    other = site.signed_in(await (await log_in(site, ann.handle, PASSWORD)).json(), ann.email)
    sessions = (await ann.json("GET", "/v1/me/sessions"))["items"]
    assert sorted(session["current"] for session in sessions) == [False, True]
    (second,) = [session for session in sessions if not session["current"]]
    assert second["address"] == "127.0.0.1"
    assert "Python" in second["client"]
    assert (await bob.call("DELETE", f"/v1/me/sessions/{second['id']}")).status == 404
    assert (await ann.call("DELETE", f"/v1/me/sessions/{second['id']}")).status == 204
    await site.hear()
    assert (await other.call("GET", "/v1/me")).status == 401
    assert (await site.post("/v1/auth/refresh", refresh_token=other.refresh)).status == 401
    assert (await ann.call("DELETE", f"/v1/me/sessions/{second['id']}")).status == 404


async def test_all_other_sessions_are_ended_at_once(site: AccountSite) -> None:
    ann = await site.person()
    others = [
        site.signed_in(await (await log_in(site, ann.handle, PASSWORD)).json(), ann.email)
        for _ in range(3)
    ]
    assert (await ann.call("DELETE", "/v1/me/sessions")).status == 204
    await site.hear()
    for other in others:
        assert (await other.call("GET", "/v1/me")).status == 401
    assert (await ann.call("GET", "/v1/me")).status == 200


async def test_a_log_in_from_the_known_address_is_not_mailed(site: AccountSite) -> None:
    ann = await site.person()
    await log_in(site, ann.handle, PASSWORD)
    assert await site.mailed(ann.email) == []


# Second factor


async def turned_on(ann: Person) -> tuple[pyotp.TOTP, list[str]]:
    begun = await ann.json("POST", "/v1/me/second-factor", {"current_password": PASSWORD})
    app = pyotp.TOTP(begun["secret"])
    assert begun["uri"].startswith("otpauth://totp/")
    confirmed = await ann.json("POST", "/v1/me/second-factor/confirm", {"code": app.now()})
    return app, confirmed["codes"]


async def test_a_second_factor_is_asked_for_at_every_way_in(site: AccountSite) -> None:
    ann = await site.person()
    _, codes = await turned_on(ann)
    state = await ann.json("GET", "/v1/me/second-factor")
    assert state == {"on": True, "recovery_codes_left": 10}
    needed = await log_in(site, ann.handle, PASSWORD)
    assert (needed.status, await code_of(needed)) == (401, "second_factor_required")
    assert (await log_in(site, ann.handle, PASSWORD, code=codes[0])).status == 200
    assert (await log_in(site, ann.handle, PASSWORD, code=codes[0])).status == 401
    await site.post("/v1/auth/mail", login=ann.handle)
    link = link_in(await ann.mail("sign_in"))
    without = await site.post("/v1/auth/link", link=link)
    assert await code_of(without) == "second_factor_required"


async def test_a_second_factor_goes_with_the_password_only(site: AccountSite) -> None:
    ann = await site.person()
    await turned_on(ann)
    remove = "/v1/me/second-factor/remove"
    assert (await ann.post(remove)).status == 401
    assert (await ann.post(remove, current_password="wrong")).status == 401
    assert (await ann.post(remove, current_password=PASSWORD)).status == 204
    assert (await log_in(site, ann.handle, PASSWORD)).status == 200
    assert (await site.recorded(ann.id)).count("second_factor.disabled") == 1


async def test_beside_a_second_factor_a_shorter_password_will_do(site: AccountSite) -> None:
    ann = await site.person()
    change = {"password": "kT9 wq2z", "current_password": PASSWORD}
    refused = await ann.call("POST", "/v1/me/password", change)
    assert (refused.status, (await refused.json())["field"]) == (400, "password")
    _, codes = await turned_on(ann)
    assert (await ann.call("POST", "/v1/me/password", change)).status == 204
    removed = await ann.post("/v1/me/second-factor/remove", current_password="kT9 wq2z")
    assert (removed.status, (await removed.json())["field"]) == (409, "password")
    assert (await log_in(site, ann.handle, "kT9 wq2z", code=codes[0])).status == 200


async def test_new_recovery_codes_take_the_place_of_the_old(site: AccountSite) -> None:
    ann = await site.person()
    _, old = await turned_on(ann)
    renewed = await ann.json("POST", "/v1/me/second-factor/codes", {"current_password": PASSWORD})
    assert (await log_in(site, ann.handle, PASSWORD, code=old[0])).status == 401
    assert (await log_in(site, ann.handle, PASSWORD, code=renewed["codes"][0])).status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/v1/me"),
        ("POST", "/v1/me/password"),
        ("POST", "/v1/me/email"),
        ("POST", "/v1/me/email/confirmation"),
        ("POST", "/v1/me/deactivate"),
        ("POST", "/v1/me/delete"),
        ("GET", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions"),
        ("DELETE", "/v1/me/sessions/tk_01j9zzzzzzzzzzzzzzzzzzzzzz"),
        ("GET", "/v1/me/second-factor"),
        ("POST", "/v1/me/second-factor"),
        ("POST", "/v1/me/second-factor/confirm"),
        ("POST", "/v1/me/second-factor/codes"),
        ("POST", "/v1/me/second-factor/remove"),
        ("GET", "/v1/me/identities"),
        ("POST", "/v1/me/identities"),
    ],
)
async def test_nobody_gets_to_an_account_without_its_token(
    site: AccountSite, method: str, path: str
) -> None:
    response = await site.call(method, path, {})
    assert (response.status, await code_of(response)) == (401, "unauthenticated")


# Registering where addresses are proven first


@pytest.fixture
async def careful(servers: EmbeddedUrls) -> AsyncIterator[AccountSite]:
    async with account_site(servers, {"STREAMHUB_CONFIRM_EMAIL": "true"}) as site:
        yield site


def somebody() -> dict[str, str]:
    handle = f"u{secrets.token_hex(6)}"
    return {
        "email": f"{handle}@example.org",
        "handle": handle,
        "name": "Ann",
        "password": PASSWORD,
    }


async def registered(site: AccountSite, who: dict[str, str]) -> Person:
    assert (await site.post("/v1/auth/register", **who)).status == 202
    link = link_in(await site.mail(who["email"], "registration"))
    confirmed = await site.post("/v1/auth/register/confirm", link=link)
    assert confirmed.status == 201, await confirmed.text()
    return site.signed_in(await confirmed.json(), who["email"])


async def test_there_is_an_account_once_its_address_was_proven(careful: AccountSite) -> None:
    ann = somebody()
    assert (await careful.post("/v1/auth/register", **ann)).status == 202
    assert (await log_in(careful, ann["handle"], PASSWORD)).status == 401
    link = link_in(await careful.mail(ann["email"], "registration"))
    confirmed = await careful.post("/v1/auth/register/confirm", link=link)
    assert confirmed.status == 201
    me = (await confirmed.json())["user"]
    assert (me["handle"], me["email_confirmed"]) == (ann["handle"], True)
    assert (await careful.post("/v1/auth/register/confirm", link=link)).status == 401
    assert (await log_in(careful, ann["handle"], PASSWORD)).status == 200


async def test_registering_does_not_tell_who_is_there(careful: AccountSite) -> None:
    ann, other = somebody(), somebody()
    await registered(careful, ann)
    shown = []
    for taken in ({}, {"email": ann["email"]}, {"handle": ann["handle"]}, {"handle": "admin"}):
        response = await careful.post("/v1/auth/register", **{**somebody(), **taken})
        body = await response.json()
        shown.append((response.status, sorted(body), len(body["request"])))
    assert shown == [(202, ["request"], 22)] * 4
    await careful.mail(ann["email"], "registered_already")
    assert other["email"] not in await careful.mailed(ann["email"])


async def test_who_finds_the_handle_taken_chooses_another(careful: AccountSite) -> None:
    ann, late = somebody(), somebody()
    await registered(careful, ann)
    await careful.post("/v1/auth/register", **{**late, "handle": ann["handle"]})
    link = link_in(await careful.mail(late["email"], "registration"))
    chosen = await careful.post("/v1/auth/register/confirm", link=link, handle=late["handle"])
    assert (await chosen.json())["user"]["handle"] == late["handle"]


async def test_the_sdk_says_that_a_mail_must_be_read_and_goes_on_with_its_link(
    careful: AccountSite,
) -> None:
    who = somebody()
    async with HttpApi(str(careful.client.make_url("/"))) as api:
        with pytest.raises(ConfirmByMail):
            await api.register(**who)
        mail = await careful.mail(who["email"], "registration")
        signed_in = await api.confirm_registration(link_in(mail))
        assert signed_in.user.handle == who["handle"]
        person = careful.signed_in(msgspec.to_builtins(signed_in), who["email"])
        _, codes = await turned_on(person)
        with pytest.raises(Refused) as refused:
            await api.log_in(who["handle"], PASSWORD)
        assert refused.value.code == "second_factor_required"
        again = await api.log_in(who["handle"], PASSWORD, codes[0])
        assert again.user.id == signed_in.user.id
