"""What became of a statement, by the error it raised: never `away` when it may be committed."""

import asyncpg
import pytest

from streamhub.domain.errors import TryAgain
from streamhub.persistence.postgres import Fate, NotSent, StoreRefused, fate_of, translated


@pytest.mark.parametrize(
    ("error", "fate"),
    [
        (NotSent("refused"), "away"),
        (asyncpg.DeadlockDetectedError("x"), "busy"),
        (asyncpg.LockNotAvailableError("x"), "busy"),
        (asyncpg.SerializationError("x"), "busy"),
        (asyncpg.InvalidCachedStatementError("x"), "busy"),
        (asyncpg.DiskFullError("x"), "away"),
        (asyncpg.ReadOnlySQLTransactionError("x"), "away"),
        (asyncpg.UniqueViolationError("x"), "refused"),
        (asyncpg.CharacterNotInRepertoireError("x"), "refused"),
        (asyncpg.DataError("x"), "refused"),
        (asyncpg.ProgramLimitExceededError("x"), "refused"),
        (asyncpg.UndefinedTableError("x"), "refused"),
        (asyncpg.AdminShutdownError("x"), "unknown"),
        (asyncpg.CrashShutdownError("x"), "unknown"),
        (asyncpg.QueryCanceledError("x"), "unknown"),
        (asyncpg.ConnectionDoesNotExistError("x"), "unknown"),
        (asyncpg.InterfaceError("x"), "unknown"),
        (ConnectionResetError(), "unknown"),
        (TimeoutError(), "unknown"),
        (RuntimeError("a defect"), "unknown"),
    ],
)
def test_fate(error: Exception, fate: Fate) -> None:
    assert fate_of(error) == fate


def test_only_defects_of_ours_are_not_to_be_tried_again() -> None:
    for error in (NotSent("x"), TimeoutError(), asyncpg.DeadlockDetectedError("x")):
        shown = translated(error)
        assert isinstance(shown, TryAgain)
        assert (shown.code, shown.retry_after_ms) == ("unavailable", 1000)
    assert isinstance(translated(asyncpg.UndefinedTableError("x")), StoreRefused)
