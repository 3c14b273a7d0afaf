"""Keys that sign access tokens: which signs, which are taken, and what cannot pass for one."""

import hmac
import secrets
from itertools import pairwise

import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from support.jwt_attacks import Forger, b64, compact

from streamhub.config import Secret
from streamhub.domain.errors import Refused
from streamhub.domain.families import FamilyId
from streamhub.domain.ids import UserId
from streamhub.domain.token_keys import TokenKeys
from streamhub.domain.tokens import TokenIssuer, TokenVerifier

OLD, NEW = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
NOW = 1_764_000_000_123
USER, FAMILY = UserId("us_01j9zzzzzzzzzzzzzzzzzzzzzz"), FamilyId("tk_01j9zzzzzzzzzzzzzzzzzzzzzz")
ONE, TWO = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def private(key: Ed25519PrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def issued(keys: TokenKeys) -> str:
    return TokenIssuer(keys, "streamhub", 900).issue(USER, FAMILY, NOW, bytes(10))


def takes(keys: TokenKeys, token: str) -> bool:
    try:
        return TokenVerifier(keys, "streamhub").verify(token, NOW).user == USER
    except Refused:
        return False


BEFORE = TokenKeys(Secret(OLD))
ANNOUNCED = TokenKeys(Secret(OLD, (NEW,)))
CHANGED = TokenKeys(Secret(NEW, (OLD,)))
AFTER = TokenKeys(Secret(NEW))
STAGES = (BEFORE, ANNOUNCED, CHANGED, AFTER)


def test_hosts_one_step_apart_take_each_others_tokens_while_a_secret_is_changed() -> None:
    for earlier, later in pairwise(STAGES):
        assert takes(later, issued(earlier))
        assert takes(earlier, issued(later))


def test_what_a_key_signed_is_refused_once_it_is_removed() -> None:
    assert not takes(AFTER, issued(BEFORE))
    assert not takes(BEFORE, issued(AFTER))


def test_from_a_secret_to_a_key_pair_and_to_the_next_pair() -> None:
    secret = Secret(OLD)
    stages = [
        TokenKeys(secret),
        TokenKeys(secret, public(ONE)),
        TokenKeys(secret, private(ONE)),
        TokenKeys(secret, private(ONE) + public(TWO)),
        TokenKeys(secret, private(TWO) + b"\n" + public(ONE)),
        TokenKeys(secret, private(TWO)),
    ]
    for earlier, later in pairwise(stages):
        assert takes(later, issued(earlier))
        assert takes(earlier, issued(later))
    assert not takes(stages[-1], issued(stages[3]))
    algorithms = [jwt.get_unverified_header(issued(keys))["alg"] for keys in stages]
    assert algorithms == ["HS256", "HS256", "EdDSA", "EdDSA", "EdDSA", "EdDSA"]


def test_others_verify_what_a_pair_signed_by_its_public_half() -> None:
    keys = TokenKeys(Secret(OLD), private(ONE))
    (shown,) = keys.public
    jwk = jwt.PyJWK({**shown.jwk, "kid": shown.kid, "alg": "EdDSA"})
    token = issued(keys)
    assert jwt.get_unverified_header(token)["kid"] == jwk.key_id
    claims = jwt.decode(
        token,
        jwk,
        algorithms=["EdDSA"],
        audience="streamhub",
        issuer="streamhub",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert claims["sub"] == USER


def test_a_thumbprint_is_that_of_the_standard() -> None:
    """RFC 8037, appendix A.3."""
    x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    pem = Ed25519PrivateKey.from_private_bytes(
        jwt.utils.base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")
    )
    (key,) = TokenKeys(Secret(OLD), private(pem)).public
    assert key.jwk["x"] == x
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


ED = TokenKeys(Secret(OLD), private(ONE))
FORGER = Forger(OLD, NOW // 1000, USER, FAMILY)
KID = ED.public[0].kid


def with_algorithm(algorithm: str, key: bytes) -> str:
    """Signed by HMAC under what everybody knows, as if it were the pair's."""
    text = f"{b64(compact({'alg': algorithm, 'kid': KID, 'typ': 'JWT'}).encode())}."
    text += b64(FORGER.claims_text.encode())
    return f"{text}.{b64(hmac.digest(key, text.encode(), 'sha256'))}"


@pytest.mark.parametrize("algorithm", ["HS256", "EdDSA", "none", "Ed25519"])
@pytest.mark.parametrize("key", [public(ONE), b64(b"").encode(), ED.public[0].jwk["x"].encode()])
def test_a_public_key_is_no_secret(algorithm: str, key: bytes) -> None:
    assert not takes(ED, with_algorithm(algorithm, key))


def test_the_header_of_one_key_does_not_take_the_signature_of_another() -> None:
    by_secret, by_pair = issued(TokenKeys(Secret(OLD))), issued(ED)
    assert takes(ED, by_secret)
    assert takes(ED, by_pair)
    head, claims, signature = by_pair.split(".")
    other_head, other_claims, other_signature = by_secret.split(".")
    assert not takes(ED, f"{head}.{other_claims}.{other_signature}")
    assert not takes(ED, f"{other_head}.{claims}.{signature}")


@pytest.mark.parametrize("at", range(0, len(issued(ED)), 3))
def test_no_character_of_a_pairs_token_can_be_changed(at: int) -> None:
    token = issued(ED)
    assert not takes(ED, token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :])


def test_a_pairs_signature_is_written_one_way() -> None:
    token = issued(ED)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet:
        assert takes(ED, token[:-1] + last) == (last == token[-1])


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "something else than keys in PEM, or none"),
        (b"a key", "something else than keys in PEM, or none"),
        (private(ONE) + b"and more", "something else than keys in PEM"),
        (private(ONE).replace(b"M", b"N", 1), "key 1 cannot be read"),
        (
            ONE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")),
            "key 1 cannot be read, or has a password",
        ),
        (
            public(TWO)
            + generate_private_key(SECP256R1()).private_bytes(
                Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
            ),
            "key 2 is no Ed25519 key",
        ),
    ],
)
def test_a_file_that_will_not_do_is_refused(pem: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        TokenKeys(Secret(OLD), pem)
    assert refused.value.__cause__ is None


def test_a_header_says_which_key_and_nothing_of_it() -> None:
    header = msgspec.json.decode(jwt.utils.base64url_decode(BEFORE.current.header))
    assert header.keys() == {"alg", "kid", "typ"}
    assert (
        header["kid"]
        != msgspec.json.decode(jwt.utils.base64url_decode(AFTER.current.header))["kid"]
    )
