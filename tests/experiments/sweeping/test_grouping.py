"""Which jobs share a program."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsuite.experiments.fitting import least_need
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.engines import Room
from rlsuite.experiments.sweeping.grid import Job, Setting
from rlsuite.experiments.sweeping.grouping import divided, fitting_together
from rlsuite.experiments.sweeping.ray_cluster import Needs, needs_on, room_on

NODES = [{"CPU": 8.0, "memory": 16.0}, {"CPU": 4.0, "GPU": 2.0, "memory": 16.0}]


@given(
    jobs=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), unique=True),
    most=st.integers(1, 5),
)
def test_each_job_is_in_one_group_of_its_setting_that_is_not_too_large(jobs, most):
    made = [Job(Setting(name, "a2c", "smoke", {}), seed) for name, seed in jobs]
    groups = divided(made, lambda job: most)
    assert sorted(job.folder for group in groups for job in group) == sorted(
        job.folder for job in made
    )
    assert all(len({job.setting.name for job in group}) == 1 for group in groups)
    assert all(1 <= len(group) <= most for group in groups)
    for name in "abc":
        sizes = [len(group) for group in groups if group[0].setting.name == name]
        assert not sizes or max(sizes) - min(sizes) <= 1
    first_of_all = {group[0].setting.name for group in groups[: len({name for name, _ in jobs})]}
    assert first_of_all == {name for name, _ in jobs}


@pytest.fixture(scope="module")
def plan():
    spec = Methods().find("a2c")
    run = default_run(spec, "smoke")
    return Plan(spec, "a2c", "smoke", replace(run, steps=1, log_every=1))


def test_as_many_seeds_are_one_program_as_have_room_and_no_worker_is_left_idle(plan):
    each = sum(least_need(plan, 1e12))
    assert fitting_together(plan, 12, Room(2, 1e12)) == 6
    assert fitting_together(plan, 12, Room(2, 7 * each)) == 3
    assert fitting_together(plan, 12, Room(2, each)) == 1
    assert fitting_together(plan, 12, Room(12, 1e12)) == 1
    assert fitting_together(plan, 12, Room(2, None)) == 1


def test_what_jobs_get_of_a_cluster():
    assert needs_on(NODES[:1], None, None) == Needs(2, None)
    assert needs_on(NODES[:1], 2, None) == Needs(4, None)
    assert needs_on(NODES, None, 3) == Needs(3, "GPU")
    assert room_on(NODES[:1], Needs(2, None)) == Room(4, 4.0)
    assert room_on(NODES[:1], Needs(2, None), workers=3) == Room(3, 4.0)
    assert room_on(NODES, Needs(2, "GPU")) == Room(2, None)
