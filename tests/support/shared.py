"""What all tests of a folder share: made for the first of them, ended after the last of them.

At the end of the session it would be late: until then it would take the machine from the others.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Generic, TypeVar

import pytest

T = TypeVar("T")


class Shared(Generic[T]):
    """Call `after` when a test of the folder is torn down, and `end` when pytest ends."""

    def __init__(self, folder: Path, make: Callable[[], AbstractContextManager[T]]) -> None:
        self._folder = folder
        self._make = make
        self._stack = ExitStack()
        self._made: T | None = None
        self._failed: BaseException | None = None

    def get(self) -> T:
        """It, once it is there. Raises what making it raised, also to those who come later."""
        if self._failed is not None:
            raise self._failed
        if self._made is None:
            try:
                self._made = self._stack.enter_context(self._make())
            except BaseException as error:
                self._failed = error
                raise
        return self._made

    def after(self, next_test: pytest.Item | None) -> None:
        if next_test is None or self._folder not in next_test.path.parents:
            self.end()

    def end(self) -> None:
        self._made = None
        self._stack.close()
