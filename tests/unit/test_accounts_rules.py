"""Handles, names, addresses, passwords, refresh tokens: what is taken and what is not."""

import secrets

import pytest

from streamhub.domain.accounts import check_email, check_handle, check_name
from streamhub.domain.errors import Refused
from streamhub.domain.families import REPEAT_MS, Family, FamilyId, RefreshToken, Verdict
from streamhub.domain.ids import UserId
from streamhub.domain.origin import network_of
from streamhub.domain.passwords import check_password, presented
from streamhub.persistence.passwords import common_passwords

COMMON = common_passwords()
OWN = ("ann.smith", "ann_the_first@example.com")


@pytest.mark.parametrize("handle", ["an", "ann", "a-1", "0_x.y", "x" * 32, "7up"])
def test_a_handle_is_lower_case_letters_digits_and_three_marks(handle: str) -> None:
    assert check_handle(handle) == handle


@pytest.mark.parametrize(
    "handle",
    [
        "",
        "a",
        "x" * 33,
        "Ann",
        "änn",
        "ann smith",
        "ann@",
        ".ann",
        "ann.",
        "_ann",
        "ann-",
        "ann\n",
        "ann\0",
        "\u0430nn",
        "ann/..",
        "ann's",
    ],
)
def test_other_handles_are_refused_by_name(handle: str) -> None:
    with pytest.raises(Refused) as refused:
        check_handle(handle)
    assert (refused.value.code, refused.value.field) == ("bad_request", "handle")


@pytest.mark.parametrize(
    "email",
    ["ann@example.com", "a.b+c@sub.example.co", "A_b'c@1.example.org", f"{'x' * 64}@example.com"],
)
def test_an_email_address_is_taken_as_it_was_typed(email: str) -> None:
    assert check_email(email) == email


@pytest.mark.parametrize(
    "email",
    [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "ann@@example.com",
        "a b@example.com",
        "ann@example..com",
        "ann@-x.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@x.com",
        "ann@example.com\n",
        "ann@example.com\0",
        "ann@exämple.com",
        "ann@example.com, b@x.com",
        f"{'x' * 65}@example.com",
        f"ann@{'x' * 64}.com",
        f"ann@{'x.' * 126}com",
        "Ann <ann@example.com>",
        '"a"@example.com',
        "ann@[192.0.2.1]",
    ],
)
def test_what_is_no_email_address_is_refused_by_name(email: str) -> None:
    with pytest.raises(Refused) as refused:
        check_email(email)
    assert (refused.value.code, refused.value.field) == ("bad_request", "email")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Ann", "Ann"),
        ("  Ann Smith ", "Ann Smith"),
        ("安", "安"),
        ("👩\u200d🚀", "👩\u200d🚀"),
        ("x" * 80, "x" * 80),
        ("اسم", "اسم"),
    ],
)
def test_a_name_may_be_in_any_script(given: str, kept: str) -> None:
    assert check_name(given) == kept


@pytest.mark.parametrize(
    "name", ["", "   ", "x" * 81, "a\nb", "a\0b", "a\u202eb", "a\u2028b", "\ud800"]
)
def test_a_name_that_is_empty_long_or_steers_the_screen_is_refused(name: str) -> None:
    with pytest.raises(Refused) as refused:
        check_name(name)
    assert refused.value.field == "name"


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "Tr0ub4dor&3-xyz",
        "x7" * 2 + "kq9!zzPw",
        "pässwörter-für-alle",
        "".join(secrets.choice("abcdefghijklmnop") for _ in range(128)),
        "密码密码很长的一句话好吗",
    ],
)
def test_a_long_uncommon_password_is_taken_whole(password: str) -> None:
    assert check_password(password, OWN, COMMON) == password


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "x" * 11,
        "aaaaaaaaaaaa",
        "abababababab",
        "123412341234",
        "012345678901",
        "zyxwvutsrqpo",
        "qwertyuiopas",
        "password1234",
        "Password!123",
        "PASSWORD12345",
        "liverpool2024",
        "qwerty123456",
        "1q2w3e4r5t6y",
        "administrator",
        "".join(chr(0xFF10 + n % 10) for n in range(12)),
        "ann.smith1234",
        "ann_the_first",
        "Ann_the_first@example.com",
        "x" * 1025,
        "a\0bcdefghijklmn",
        "\ud800bcdefghijklmnop",
    ],
)
def test_a_short_common_or_own_password_is_refused_by_name(password: str) -> None:
    with pytest.raises(Refused) as refused:
        check_password(password, OWN, COMMON)
    assert (refused.value.code, refused.value.field) == ("bad_request", "password")
    assert not password or password not in str(refused.value)


def test_the_last_character_of_128_counts() -> None:
    password = secrets.token_hex(64)
    assert check_password(password, OWN, COMMON) != check_password(password[:-1] + "x", OWN, COMMON)


def test_a_password_is_the_same_however_the_keyboard_composed_it() -> None:
    composed, decomposed = "caf\u00e9 au lait matin", "cafe\u0301 au lait matin"
    assert check_password(composed, OWN, COMMON) == presented(decomposed)
    assert presented("x" * 1025) is presented("\ud800") is None


def test_the_list_of_common_passwords_is_in_lower_case_and_without_its_comments() -> None:
    assert {"password1", "iloveyou1", "1q2w3e4r5t6y"} <= COMMON
    assert all(word == word.lower() and not word.startswith("#") for word in COMMON)
    assert 8_000 < len(COMMON) < 9_000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("local", "local"),
    ],
)
def test_an_ipv6_subscriber_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


# Refresh tokens

TOKEN = RefreshToken(secrets.token_bytes(16), secrets.token_bytes(32))
KEY = secrets.token_bytes(32)
NOW = 1_764_000_000_000


def test_a_refresh_token_comes_back_from_its_text() -> None:
    parsed = RefreshToken.parse(TOKEN.text)
    assert parsed is not None
    assert (parsed.text, parsed.digest) == (TOKEN.text, TOKEN.digest)
    assert len(TOKEN.text) == 68


@pytest.mark.parametrize(
    "text",
    [
        "",
        "shr_",
        TOKEN.text[:-1],
        TOKEN.text + "=",
        TOKEN.text + "\n",
        TOKEN.text[4:],
        "SHR_" + TOKEN.text[4:],
        TOKEN.text[:-1] + "+",
        "shr_" + "é" * 64,
        "a" * 5000,
    ],
)
def test_what_cannot_be_a_refresh_token_is_none(text: str) -> None:
    assert RefreshToken.parse(text) is None


def test_a_successor_is_the_same_each_time_and_needs_token_and_key() -> None:
    following = TOKEN.successor(KEY)

    assert following.text == TOKEN.successor(KEY).text
    assert following.selector == TOKEN.selector
    others = {
        TOKEN.secret,
        TOKEN.successor(bytes(32)).secret,
        following.successor(KEY).secret,
        RefreshToken(TOKEN.selector, bytes(32)).successor(KEY).secret,
    }
    assert len(others) == 4
    assert following.secret not in others


def test_a_refresh_token_does_not_show_itself() -> None:
    assert TOKEN.text[6:] not in f"{TOKEN!r} {TOKEN}"


def test_every_token_of_a_family_is_judged_by_the_table() -> None:
    first, second, third = TOKEN, TOKEN.successor(KEY), TOKEN.successor(KEY).successor(KEY)

    def judged(token: RefreshToken, at: int = NOW, revoked_at: int | None = None) -> Verdict:
        family = Family(
            id=FamilyId("tk_1"),
            user=UserId("us_1"),
            selector=first.selector,
            current=third.digest,
            previous=second.digest,
            address="",
            opened_at=NOW - 1000,
            rotated_at=NOW,
            expires_at=NOW + 60_000,
            revoked_at=revoked_at,
        )
        return family.judge(token.digest, [token.successor(KEY).digest], at)

    assert judged(third) == "rotate"
    assert judged(second, NOW + REPEAT_MS) == "repeat"
    assert judged(second, NOW - 3_600_000) == "repeat"  # a clock set back
    assert judged(second, NOW + REPEAT_MS + 1) == "reuse"
    assert judged(first) == "reuse"
    assert judged(RefreshToken(first.selector, bytes(32))) == "reuse"
    assert judged(third, NOW + 60_000) == "over"
    assert judged(third, revoked_at=NOW - 1) == judged(first, revoked_at=NOW - 1) == "over"
