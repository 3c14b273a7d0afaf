"""Access tokens: what is issued is taken, and nothing else is."""

import hashlib
import secrets

import jwt
import pytest
from support.jwt_attacks import Forger, attacks

from streamhub.config import Secret
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import Caller, Revocations, TokenIssuer, TokenVerifier

KEY = secrets.token_urlsafe(32)
NOW = 1_764_000_000_123
NOW_S = NOW // 1000
USER = UserId("us_01j9zzzzzzzzzzzzzzzzzzzzzz")
FAMILY = FamilyId("tk_01j9zzzzzzzzzzzzzzzzzzzzzz")
issuer = TokenIssuer(TokenKeys(Secret(KEY)), "streamhub", 900)
verifier = TokenVerifier(TokenKeys(Secret(KEY)), "streamhub")
good = issuer.issue(USER, FAMILY, NOW, bytes(10))


def flipped(token: str, at: int) -> str:
    return token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]


forger = Forger(KEY, NOW_S, USER, FAMILY)
ATTACKS = attacks(forger)


def test_an_issued_token_speaks_for_its_user_until_it_expires() -> None:
    caller = verifier.verify(good, NOW)

    assert (caller.user, caller.family) == (USER, FAMILY)
    assert caller.token.startswith("tk_")
    assert (caller.issued_at, caller.expires_at) == (NOW_S * 1000, (NOW_S + 900) * 1000)


def test_the_attacks_begin_at_a_token_that_is_taken() -> None:
    assert verifier.verify(forger.good, NOW).user == USER
    assert verifier.verify(forger.with_claims(more="x"), NOW).user == USER


def test_others_can_read_what_we_sign() -> None:
    claims = jwt.decode(
        good,
        KEY,
        algorithms=["HS256"],
        audience="streamhub",
        issuer="streamhub",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims.keys() == forger.claims.keys()


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_is_taken(attack: str) -> None:
    with pytest.raises(Refused) as refused:
        verifier.verify(ATTACKS[attack], NOW)
    assert refused.value.code == "unauthenticated"


@pytest.mark.parametrize("at", range(len(good)))
def test_no_character_can_be_changed(at: int) -> None:
    with pytest.raises(Refused):
        verifier.verify(flipped(good, at), NOW)


def test_a_token_expires_with_five_seconds_of_leeway() -> None:
    end = (NOW_S + 900 + 5) * 1000

    assert verifier.verify(good, end - 1).user == USER
    with pytest.raises(Refused) as refused:
        verifier.verify(good, end)
    assert refused.value.code == "token_expired"


def test_a_host_whose_clock_was_set_back_an_hour_takes_tokens_of_the_others() -> None:
    assert verifier.verify(good, NOW - 3_600_000).user == USER


def test_every_token_has_an_id_of_its_own() -> None:
    ids = {
        verifier.verify(issuer.issue(USER, FAMILY, NOW, secrets.token_bytes(10)), NOW).token
        for _ in range(50)
    }
    assert len(ids) == 50


@pytest.mark.parametrize("secret", [Secret("x" * 31), Secret(KEY, ("x" * 31,))])
def test_a_key_under_32_bytes_stops_the_start(secret: Secret) -> None:
    with pytest.raises(ValueError, match="at least 32 bytes, not 31"):
        TokenKeys(secret)


def test_what_is_refused_is_not_repeated_in_the_error() -> None:
    with pytest.raises(Refused) as refused:
        verifier.verify(flipped(good, 60), NOW)
    assert refused.value.__cause__ is None
    assert good[40:50] not in str(refused.value)


# Revocations


def caller(issued_at: int, family: str = "tk_1", user: str = "us_1") -> Caller:
    return Caller(
        user=UserId(user),
        family=FamilyId(family),
        token=hashlib.sha256(family.encode()).hexdigest(),
        issued_at=issued_at,
        expires_at=issued_at + 900_000,
    )


def test_a_revoked_family_is_refused_for_good_and_others_are_not() -> None:
    revocations = Revocations(access_ttl_s=900)
    revocations.add("tk_1", NOW)

    assert revocations.is_revoked(caller(NOW - 1))
    assert revocations.is_revoked(caller(NOW + 60_000))
    assert not revocations.is_revoked(caller(NOW, "tk_2"))


def test_a_revoked_user_may_sign_in_anew() -> None:
    revocations = Revocations(access_ttl_s=900)
    revocations.add("us_1", NOW)

    assert revocations.is_revoked(caller(NOW - 1, "tk_2"))
    assert not revocations.is_revoked(caller(NOW + 1000, "tk_3"))
    assert not revocations.is_revoked(caller(NOW - 1, "tk_4", "us_2"))


def test_a_revocation_is_kept_while_a_token_could_live_and_then_forgotten() -> None:
    revocations = Revocations(access_ttl_s=900)
    revocations.add("tk_1", NOW)
    revocations.add("tk_2", NOW + 905_000)
    assert revocations.is_revoked(caller(NOW))

    revocations.add("tk_3", NOW + 910_001)
    assert not revocations.is_revoked(caller(NOW))
    assert len(revocations) == 2


def test_a_repeated_revocation_is_kept_from_its_last_time_on() -> None:
    revocations = Revocations(access_ttl_s=900)
    revocations.add("us_1", NOW)
    revocations.add("tk_2", NOW)
    revocations.add("us_1", NOW + 500_000)
    revocations.add("tk_3", NOW + 1_000_000)

    assert revocations.is_revoked(caller(NOW + 400_000))
    assert len(revocations) == 2
