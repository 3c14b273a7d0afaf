"""Attacks on access tokens, each by name: whatever the attacker could sign, and what not."""

import base64
import hmac
import json
from collections.abc import Callable
from typing import Any


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def kid_of(key: str) -> str:
    """What a secret is called in the tokens it signs."""
    return b64(hmac.digest(key.encode(), b"the name of this key", "sha256")[:12])


class Forger:
    """Somebody who has stolen the key and knows a user: only form can still give them away."""

    def __init__(self, key: str, now_s: int, user: str, family: str) -> None:
        self.key = key
        self.header: dict[str, Any] = {"alg": "HS256", "kid": kid_of(key), "typ": "JWT"}
        self.now_s = now_s
        self.claims: dict[str, Any] = {
            "iss": "streamhub",
            "aud": "streamhub",
            "typ": "access",
            "sub": user,
            "sid": family,
            "jti": "tk_01k0000000000000000000000z",
            "iat": now_s,
            "exp": now_s + 900,
        }

    @property
    def header_text(self) -> str:
        return compact(self.header)

    @property
    def claims_text(self) -> str:
        return compact(self.claims)

    @property
    def good(self) -> str:
        """A token that must be taken, so that the attacks prove something."""
        return self.signed(self.header_text, self.claims_text)

    def signed(
        self, header: str, payload: str | bytes, key: str | None = None, algorithm: str = "sha256"
    ) -> str:
        """A token whose parts are these texts, rightly signed."""
        claims = payload if isinstance(payload, bytes) else payload.encode()
        text = f"{b64(header.encode())}.{b64(claims)}"
        used = self.key if key is None else key
        return f"{text}.{b64(hmac.digest(used.encode(), text.encode(), algorithm))}"

    def with_header(self, **changes: object) -> str:
        return self.signed(compact({**self.header, **changes}), self.claims_text)

    def with_claims(self, **changes: object) -> str:
        """`...` leaves a claim out."""
        claims = {**self.claims, **changes}
        kept = {name: value for name, value in claims.items() if value is not ...}
        return self.signed(self.header_text, compact(kept))

    def with_payload(self, change: Callable[[str], str]) -> str:
        return self.signed(self.header_text, change(self.claims_text))

    def unsigned(self, alg: str) -> str:
        header = compact({**self.header, "alg": alg})
        return f"{b64(header.encode())}.{b64(self.claims_text.encode())}."


def other_alphabet(token: str) -> str:
    """The same bits of the signature, their last character written another way."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) + 1]


def attacks(f: Forger) -> dict[str, str]:
    """Tokens of which none may be taken, by what is wrong with them."""
    good = f.good
    return {
        # the algorithm
        "none": f.unsigned("none"),
        "None": f.unsigned("None"),
        "nOnE with a signature": f.unsigned("nOnE") + good.rpartition(".")[2],
        "empty signature": good.rpartition(".")[0] + ".",
        "HS512 with the right key": f.signed(
            compact({**f.header, "alg": "HS512"}), f.claims_text, f.key, "sha512"
        ),
        "RS256 header over an HMAC": f.with_header(alg="RS256"),
        "ES256 header over an HMAC": f.with_header(alg="ES256"),
        "algorithm in lower case": f.with_header(alg="hs256"),
        "algorithm as a list": f.with_header(alg=["HS256"]),
        "no algorithm": f.signed(compact({"kid": f.header["kid"], "typ": "JWT"}), f.claims_text),
        # keys of the attacker's choice
        "another key": f.signed(f.header_text, f.claims_text, "x" * 32),
        "empty key": f.signed(f.header_text, f.claims_text, ""),
        "no kid": f.signed(compact({"alg": "HS256", "typ": "JWT"}), f.claims_text),
        "kid of another key": f.with_header(kid=kid_of("x" * 32)),
        "kid as a number": f.with_header(kid=1),
        "kid null": f.with_header(kid=None),
        "kid as a list": f.with_header(kid=[f.header["kid"]]),
        "kid of four kilobytes": f.with_header(kid="x" * 4000),
        "kid to a known file": f.with_header(kid="../../../../dev/null"),
        "kid with SQL": f.with_header(kid="x' UNION SELECT 'key"),
        "kid to a command": f.with_header(kid="|id"),
        "embedded key": f.with_header(jwk={"kty": "oct", "k": b64(b"x" * 32)}),
        "key by address": f.with_header(jku="https://attacker.example/keys"),
        "certificate by address": f.with_header(x5u="https://attacker.example/cert"),
        "embedded certificate": f.with_header(x5c=["MII"]),
        # the header's form
        "critical extension": f.with_header(crit=["exp"]),
        "payload not encoded": f.with_header(b64=False, crit=["b64"]),
        "compressed": f.with_header(zip="DEF"),
        "another type": f.with_header(typ="at+jwt"),
        "nested": f.with_header(cty="JWT"),
        "header with a blank": f.signed(json.dumps(f.header), f.claims_text),
        "header with alg twice": f.signed(
            f.header_text.replace("{", '{"alg":"none",'), f.claims_text
        ),
        # claims
        **{f"without {name}": f.with_claims(**{name: ...}) for name in f.claims},
        **{f"{name} null": f.with_claims(**{name: None}) for name in f.claims},
        "another issuer": f.with_claims(iss="streamhub2"),
        "issuer as a list": f.with_claims(iss=["streamhub"]),
        "another audience": f.with_claims(aud="streamhub2"),
        "audience as a list": f.with_claims(aud=["streamhub", "other"]),
        "another kind": f.with_claims(typ="refresh"),
        "kind in capitals": f.with_claims(typ="Access"),
        "exp as text": f.with_claims(exp=str(f.now_s + 900)),
        "exp as a fraction": f.with_claims(exp=f.now_s + 900.5),
        "exp true": f.with_claims(exp=True),
        "exp beyond any number": f.with_claims(exp=10**300),
        "exp below zero": f.with_claims(exp=-1),
        "exp infinite": f.with_payload(lambda text: text.replace(str(f.now_s + 900), "Infinity")),
        "exp not a number": f.with_payload(lambda text: text.replace(str(f.now_s + 900), "NaN")),
        "iat as text": f.with_claims(iat=str(f.now_s)),
        "sub as a number": f.with_claims(sub=1),
        "sub empty": f.with_claims(sub=""),
        "sub as a map": f.with_claims(sub={"$ne": None}),
        "exp twice": f.with_payload(lambda text: text[:-1] + f',"exp":{f.now_s + 9999}}}'),
        "sub twice": f.with_payload(lambda text: text[:-1] + ',"sub":"us_somebody_else"}'),
        "claims as a list": f.with_payload(lambda text: f"[{text}]"),
        "claims as text": f.with_payload(lambda _: '"access"'),
        "claims not JSON": f.with_payload(lambda text: text + "}"),
        "claims not UTF-8": f.signed(f.header_text, b"\xff\xfe"),
        "claims nested deeply": f.with_payload(lambda _: "[" * 1000 + "]" * 1000),
        # the token's form
        "padded": good + "=",
        "padded in the middle": good.replace(".", "=.", 1),
        "last character written otherwise": other_alphabet(good),
        "four parts": good + ".x",
        "two parts": good.rpartition(".")[0],
        "a blank in front": " " + good,
        "a line end behind": good + "\n",
        "a NUL behind": good + "\0",
        "letters beyond ASCII": good.replace("e", "\u0435", 1),
        "plus for minus": good[:-1] + "+",
        "a megabyte": good + "A" * 2**20,
        "a megabyte, rightly signed": f.with_claims(pad="x" * 2**20),
        "a kilobyte too long": f.with_claims(pad="x" * 4096),
        "empty": "",
        "only dots": "..",
        "JSON serialisation": compact({"protected": "", "payload": "", "signature": ""}),
        "encrypted": "eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..x.y.z",
        # another kind of token
        "a refresh token": "shr_" + "A" * 64,
    }
