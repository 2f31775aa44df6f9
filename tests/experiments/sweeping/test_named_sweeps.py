"""That named sweeps read in every size, state claims, and stand for jobs that can be run."""

import pytest

from rlsuite.experiments.plans import Plan
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.grid import jobs, named_sweeps, plans, read_sweep

METHODS = Methods()
SIZES = ("smoke", "laptop", "desk", "paper")


def test_they_are_those_of_the_papers():
    assert named_sweeps() == [
        *("bonuses", "cheap_talk", "curricula", "drifts", "environment_design"),
        *("environment_design_scores", "environment_design_sfl", "generalisation", "horizons"),
        *("level_sets", "quality_diversity", "test_time_attack", "training_levels"),
    ]


@pytest.fixture
def unbuilt(monkeypatch):
    """Plans whose fields and worlds are checked, and whose programs, which take long, are not."""
    monkeypatch.setattr(Plan, "experiment", None)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", named_sweeps())
def test_every_size_states_what_it_tests_and_has_jobs(name, size, unbuilt):
    sweep = read_sweep(name, size)
    assert sweep.title and sweep.claim and sweep.paper and sweep.claims
    planned = plans(sweep, METHODS)
    assert len(planned) == len(jobs(sweep))
    assert all(plan.spec.test is not None for plan in planned.values())
    if size == "smoke":
        assert len(jobs(sweep)) == len(sweep.settings)
        assert all(plan.run.steps <= 20 for plan in planned.values())


@pytest.mark.parametrize("name", named_sweeps())
def test_they_can_be_planned(name):
    sweep = read_sweep(name, "smoke")
    assert list(plans(sweep, METHODS)) == [job.folder for job in jobs(sweep)]
