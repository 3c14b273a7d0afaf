"""The table of rights: whole, and read as it is meant."""

import itertools
from typing import get_args

import pytest

from streamhub.domain.access import (
    RIGHTS,
    ROLES,
    SCOPES,
    Role,
    Scope,
    Standing,
    Status,
    check_may_manage,
    check_right,
)
from streamhub.domain.errors import Refused
from streamhub.domain.ids import UserId
from streamhub.protocol.tables import COMMANDS

ANN, BOB = UserId("us_a"), UserId("us_b")


def refusal(standing: Standing, operation: str) -> str | None:
    try:
        check_right(standing, operation)
    except Refused as error:
        return error.code
    return None


def test_every_command_of_the_wire_has_a_row() -> None:
    assert set(COMMANDS) <= set(RIGHTS)


def test_an_operation_without_a_row_may_not_be_done() -> None:
    with pytest.raises(KeyError):
        check_right(Standing(user=ANN, role="admin"), "message.invent")


@pytest.mark.parametrize("operation", RIGHTS)
def test_a_role_may_do_what_lesser_ones_may(operation: str) -> None:
    allowed = [refusal(Standing(user=ANN, role=role), operation) is None for role in ROLES]
    assert allowed == sorted(allowed)
    assert allowed[-1], "somebody must be able to"


@pytest.mark.parametrize("operation", RIGHTS)
def test_a_token_does_nothing_beyond_its_scopes(operation: str) -> None:
    for count in range(len(SCOPES) + 1):
        for scopes in itertools.combinations(sorted(SCOPES), count):
            standing = Standing(user=ANN, role="admin", scopes=frozenset(scopes))
            right = RIGHTS[operation]
            expected = None if right.scope in scopes else "forbidden"
            assert refusal(standing, operation) == expected


def test_no_token_can_be_made_for_what_only_a_person_may() -> None:
    assert set(get_args(Scope)) - SCOPES == {"account"}


@pytest.mark.parametrize("operation", RIGHTS)
def test_a_suspended_account_reads_and_changes_nothing_of_others(operation: str) -> None:
    found = refusal(Standing(user=ANN, role="admin", status="suspended"), operation)
    assert found == ("suspended" if RIGHTS[operation].writes else None)


@pytest.mark.parametrize("operation", RIGHTS)
@pytest.mark.parametrize("status", ["deactivated", "deleted"])
def test_a_closed_account_does_nothing(status: Status, operation: str) -> None:
    standing = Standing(user=ANN, role="admin", status=status)
    assert refusal(standing, operation) == "unauthenticated"


def manages(by: Role, other: Role) -> bool:
    try:
        check_may_manage(Standing(user=ANN, role=by), Standing(user=BOB, role=other))
    except Refused:
        return False
    return True


def test_nobody_manages_an_equal_but_admins() -> None:
    assert {(by, other) for by in ROLES for other in ROLES if manages(by, other)} == {
        ("moderator", "user"),
        ("admin", "user"),
        ("admin", "moderator"),
        ("admin", "admin"),
    }


@pytest.mark.parametrize("role", ROLES)
def test_nobody_manages_themselves(role: Role) -> None:
    me = Standing(user=ANN, role=role)
    with pytest.raises(Refused):
        check_may_manage(me, me)
