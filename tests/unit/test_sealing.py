"""What is sealed opens for the same secret, purpose and owner, and for nothing else."""

import secrets

import pytest

from streamhub.config import Secret
from streamhub.domain.sealing import Sealer, Unsealable

SECRET = Secret("a secret of at least thirty-two bytes")


def sealer(secret: Secret = SECRET, purpose: str = "test") -> Sealer:
    return Sealer(secret, purpose, secrets.token_bytes)


def test_what_was_sealed_is_unsealed() -> None:
    assert sealer().unseal(sealer().seal(b"plain", "us_1"), "us_1") == b"plain"


def test_the_same_text_never_looks_the_same_twice() -> None:
    assert sealer().seal(b"plain", "us_1") != sealer().seal(b"plain", "us_1")


@pytest.mark.parametrize(
    ("other", "about"),
    [
        (sealer(Secret("another secret of thirty-two bytes!!")), "us_1"),
        (sealer(purpose="another"), "us_1"),
        (sealer(), "us_2"),
    ],
)
def test_nothing_else_opens_it(other: Sealer, about: str) -> None:
    with pytest.raises(Unsealable):
        other.unseal(sealer().seal(b"plain", "us_1"), about)


def test_no_altered_or_cut_text_opens() -> None:
    sealed = sealer().seal(b"plain", "us_1")
    for at in range(len(sealed)):
        altered = sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]
        for wrong in (altered, sealed[:at]):
            with pytest.raises(Unsealable):
                sealer().unseal(wrong, "us_1")


def test_while_a_secret_is_changed_both_open_and_the_first_seals() -> None:
    old, new = "o" * 32, "n" * 32
    before, between = sealer(Secret(old)), sealer(Secret(new, (old,)))
    sealed = before.seal(b"plain", "us_1")
    assert between.unseal(sealed, "us_1") == b"plain"
    assert not between.is_current(sealed, "us_1")
    again = between.seal(b"plain", "us_1")
    assert between.is_current(again, "us_1")
    assert sealer(Secret(new)).unseal(again, "us_1") == b"plain"
    with pytest.raises(Unsealable):
        sealer(Secret(new)).unseal(sealed, "us_1")
