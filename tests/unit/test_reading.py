"""Read markers move forward and back; many moves are one."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from streamhub.domain.reading import Marking, read_up_to, unread_from

MOVES = st.lists(
    st.one_of(
        st.integers(0, 9).map(read_up_to),
        st.integers(1, 9).map(unread_from),
    )
)


def test_reading_never_goes_back_and_unreading_never_forward() -> None:
    for held, seq in itertools.product(range(10), range(1, 10)):
        assert read_up_to(seq).of(held) == max(held, seq)
        assert unread_from(seq).of(held) == min(held, seq - 1)
    assert Marking().of(7) == 7


@given(moves=MOVES, held=st.integers(0, 9))
def test_moves_together_are_the_moves_one_by_one(moves: list[Marking], held: int) -> None:
    together, position = Marking(), held
    for move in moves:
        together = together.then(move)
        position = move.of(position)
    assert together.of(held) == position
