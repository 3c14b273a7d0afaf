"""The oracle of the fault tests finds what is planted, and nothing where nothing is."""

import pytest
from support.checker import Entry, Fault, Kind, Ledger, Reading, check, report

ROOM = "ch_room"


class Run:
    """A run without a fault: two senders, two readers, one channel; tests then spoil it."""

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.history: list[Entry] = []
        for _ in range(3):
            for client in ("ann", "bob"):
                entry = Entry(len(self.history) + 1, self.ledger.text(client, ROOM))
                self.ledger.acknowledged(entry.text, entry.seq)
                self.history.append(entry)
        self.first = Reading("first", ROOM, entries=list(self.history))
        self.late = Reading("late", ROOM, since=2, entries=self.history[2:])

    def faults(self) -> list[Fault]:
        return check(self.ledger, {ROOM: self.history}, [self.first, self.late])

    def kinds(self) -> set[Kind]:
        return {fault.kind for fault in self.faults()}


@pytest.fixture
def run() -> Run:
    return Run()


def test_a_run_without_a_fault_has_none(run: Run) -> None:
    assert run.faults() == []
    assert run.ledger.counts == {"acknowledged": 6, "failed": 0, "unknown": 0}


def test_the_last_acknowledged_message_missing_everywhere_is_lost(run: Run) -> None:
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.pop()
    assert run.faults() == [Fault("lost", f"history of {ROOM}", "'bob-3', acknowledged as seq 6")]


def test_what_one_reader_did_not_see_is_lost_to_it(run: Run) -> None:
    run.late.entries.pop()
    (fault,) = run.faults()
    assert (fault.kind, fault.where) == ("lost", f"late in {ROOM}")


def test_a_reader_that_was_told_nothing_lost_all(run: Run) -> None:
    run.late.entries.clear()
    assert [fault.kind for fault in run.faults()] == ["lost"] * 4


def test_a_message_that_came_twice_is_a_duplicate(run: Run) -> None:
    run.first.entries.append(run.first.entries[-1])
    assert run.kinds() == {"duplicate"}


def test_a_message_stored_twice_is_a_duplicate(run: Run) -> None:
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.append(Entry(7, "bob-3"))
    assert run.kinds() == {"duplicate"}


def test_seqs_that_go_back_are_an_inversion(run: Run) -> None:
    seen = run.first.entries
    seen[1], seen[2] = seen[2], seen[1]
    assert run.kinds() == {"inversion"}


def test_a_senders_messages_in_another_order_are_an_inversion(run: Run) -> None:
    ledger = run.ledger
    early, late = ledger.text("cid", ROOM), ledger.text("cid", ROOM)
    for seq, text in ((7, late), (8, early)):
        ledger.acknowledged(text, seq)
        for entries in (run.history, run.first.entries, run.late.entries):
            entries.append(Entry(seq, text))
    assert run.kinds() == {"inversion"}


def test_a_missing_seq_is_a_hole(run: Run) -> None:
    unknown = run.ledger.text("cid", ROOM)
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.append(Entry(8, unknown))
    assert run.faults()[0] == Fault("hole", f"history of {ROOM}", "seq 7 is missing")
    assert run.kinds() == {"hole"}


def test_a_hole_that_only_a_reader_has_is_one_and_a_loss(run: Run) -> None:
    del run.first.entries[2]
    assert run.kinds() == {"hole", "lost"}


def test_two_texts_for_one_seq_disagree(run: Run) -> None:
    run.first.entries[0] = Entry(1, "another")
    assert run.kinds() == {"disagreement"}


def test_another_seq_than_the_acknowledged_one_disagrees(run: Run) -> None:
    run.ledger.acknowledged("bob-3", 5)
    assert run.kinds() == {"disagreement"}


def test_what_was_refused_may_not_be_there(run: Run) -> None:
    text = run.ledger.text("cid", ROOM)
    run.ledger.failed(text)
    assert run.kinds() == set()
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.append(Entry(7, text))
    assert run.kinds() == {"refused"}


def test_what_is_unknown_may_be_there_or_not(run: Run) -> None:
    text = run.ledger.text("cid", ROOM)
    assert run.ledger.counts["unknown"] == 1
    assert run.kinds() == set()
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.append(Entry(7, text))
    assert run.kinds() == set()


def test_what_nobody_sent_is_a_stranger(run: Run) -> None:
    for entries in (run.history, run.first.entries, run.late.entries):
        entries.append(Entry(7, "eve-1"))
    assert run.kinds() == {"stranger"}


def test_the_report_counts_and_shows_a_few(run: Run) -> None:
    run.first.entries.clear()
    text = report(run.faults())
    assert text.startswith("lost: 6\n")
    assert text.count("first in ch_room") == 5
