"""Signed URLs: the same for a while, good for what they name and no longer."""

from urllib.parse import parse_qs, urlsplit

import pytest

from streamhub.config import Secret
from streamhub.domain.errors import Refused
from streamhub.domain.ids import FILE, VERSION, FileId, VersionId, make_id
from streamhub.domain.signed_urls import UrlSigner

LIFETIME_S = 3600
START_S = 1_800_000_000
FILES = [FileId(make_id(FILE, 1, bytes(9) + bytes([n]))) for n in range(2)]
VERSIONS = [VersionId(make_id(VERSION, 1, bytes(9) + bytes([n]))) for n in range(2)]


class Clock:
    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> int:
        return self.now_s * 1000


def signer(clock: Clock, secret: Secret | None = None) -> UrlSigner:
    return UrlSigner(secret or Secret("s" * 32), LIFETIME_S, clock)


def parts_of(path: str) -> tuple[str, str, str, str]:
    query = parse_qs(urlsplit(path).query)
    _, file, version = urlsplit(path).path.rsplit("/", 2)
    return file, version, query["until"][0], query["sig"][0]


def is_good(by: UrlSigner, parts: tuple[str, str, str, str]) -> bool:
    try:
        return by.left_s(*parts) > 0
    except Refused as error:
        if error.code != "not_found":
            raise
        return False


@pytest.mark.parametrize("late_s", [0, 1, 1799, 3599])
def test_all_who_ask_within_a_lifetime_get_the_same_url(late_s: int) -> None:
    clock = Clock()
    first = signer(clock).sign(FILES[0], VERSIONS[0])
    clock.now_s += late_s
    assert signer(clock).sign(FILES[0], VERSIONS[0]) == first
    assert LIFETIME_S <= first.until_s - clock.now_s <= 2 * LIFETIME_S


def test_it_is_good_until_it_ends() -> None:
    clock = Clock()
    by = signer(clock)
    signed = by.sign(FILES[0], VERSIONS[0])
    parts = parts_of(signed.path)
    clock.now_s = signed.until_s - 1
    assert by.left_s(*parts) == 1
    clock.now_s += 1
    assert not is_good(by, parts)


def test_what_was_changed_is_no_good() -> None:
    by = signer(Clock())
    signed = by.sign(FILES[0], VERSIONS[0])
    file, version, until, signature = parts_of(signed.path)
    assert is_good(by, (file, version, until, signature))
    for changed in (
        (FILES[1], version, until, signature),
        (file, VERSIONS[1], until, signature),
        (file, version, str(signed.until_s + 1), signature),
        (file, version, f" {until}", signature),
        (file, version, "٣", signature),
        (file, version, "", signature),
        (file, version, until, signature[:-1]),
        (file, version, until, ""),
        (file, version, until, "ä"),
        ("x", version, until, signature),
    ):
        assert not is_good(by, changed), changed


def test_each_character_counts() -> None:
    by = signer(Clock())
    parts = parts_of(by.sign(FILES[0], VERSIONS[0]).path)
    for number, part in enumerate(parts):
        for at, was in enumerate(part):
            for other in "0aA_-":
                if other == was:
                    continue
                changed = [*parts]
                changed[number] = part[:at] + other + part[at + 1 :]
                assert not is_good(by, tuple(changed)), changed  # type: ignore[arg-type]


def test_urls_outlive_a_change_of_the_secret() -> None:
    clock = Clock()
    parts = parts_of(signer(clock).sign(FILES[0], VERSIONS[0]).path)
    assert is_good(signer(clock, Secret("t" * 32, ("s" * 32,))), parts)
    assert not is_good(signer(clock, Secret("t" * 32)), parts)
