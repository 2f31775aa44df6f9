"""That named sweeps read in every size, state claims, and stand for jobs that can be run."""

import pytest

from rlsuite.experiments.finished import default_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.grid import jobs, named_sweeps, plans, read_sweep

METHODS = Methods()
SIZES = ("smoke", "laptop", "desk", "paper")


def test_they_are_those_of_the_papers():
    assert named_sweeps() == [
        *("cheap_talk", "curricula", "drifts", "generalisation", "horizons", "level_sets"),
        *("test_time_attack", "training_levels"),
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", named_sweeps())
def test_every_size_states_what_it_tests(name, size):
    sweep = read_sweep(name, size)
    assert sweep.title and sweep.claim and sweep.paper and sweep.claims
    for setting in sweep.settings:
        run = default_run(METHODS.find(setting.method), setting.preset)
        assert run.steps >= 1
    assert size != "smoke" or len(jobs(sweep)) == len(sweep.settings)


@pytest.mark.parametrize("name", named_sweeps())
def test_smoke_can_be_run(name):
    sweep = read_sweep(name, "smoke")
    assert len(plans(sweep, METHODS)) == len(jobs(sweep))
