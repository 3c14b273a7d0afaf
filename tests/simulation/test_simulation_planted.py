"""Bugs planted in the real code are found by the same oracle, soon."""

import pytest
from simulation.planted import PLANTS
from simulation.scenario import run_seed


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_bug_is_found(name: str) -> None:
    plant = PLANTS[name]
    for seed in range(plant.within):
        report = run_seed(seed, plant.parts, plant.commit)
        if any(plant.found_by in wrong for wrong in report.wrong):
            return
    pytest.fail(f"{plant.within} seeds did not find: {name}")
