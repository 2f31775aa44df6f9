"""How often loops turn whose turns depend on what is computed."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.experiments.costs.counting import count
from rlsuite.experiments.costs.turns import Expected, expected, turns_of
from rlsuite.selection import every, map_selected
from tests.experiments.running import plan_of


def test_the_longest_of_many_lives_is_longer_than_one():
    lives = Expected((10, 60), updates=1, time_limit=None)
    drawn = np.exp(np.random.default_rng(0).uniform(np.log(10), np.log(60), (20000, 8)))
    assert lives.mean_life() == pytest.approx(drawn.mean(), rel=0.02)
    assert lives.longest_life(8) == pytest.approx(drawn.max(axis=1).mean(), rel=0.02)
    assert Expected((7, 7), 1, None).longest_life(5) == 7


@pytest.mark.parametrize("seeds", [None, 3])
def test_groups_of_the_chosen_are_as_many_as_lives_that_end(seeds):
    def work(chosen, items):
        return map_selected(jnp.square, chosen, (items,), items, group_size=2)

    shape = (16,) if seeds is None else (seeds, 16)
    work = work if seeds is None else jax.vmap(work)
    traced = jax.jit(work).trace(
        jax.ShapeDtypeStruct(shape, bool), jax.ShapeDtypeStruct(shape, jnp.float32)
    )

    def turns(updates):
        return sum(
            count(traced.jaxpr, turns_of(Expected((10, 10), updates, None))).unknown.values()
        )

    numbers = np.random.default_rng(0).poisson(4, 50000)
    assert turns(40) == pytest.approx(np.ceil(numbers / 2).mean(), rel=0.02)
    assert turns(0) == 0


@pytest.mark.parametrize("seeds", [None, 3])
def test_what_is_done_every_so_many_steps_is_a_share_of_each(seeds):
    def work(count, number):
        return every(8, count, jnp.sin, number, number)

    shape = () if seeds is None else (seeds,)
    work = work if seeds is None else jax.vmap(work)
    traced = jax.jit(work).trace(
        jax.ShapeDtypeStruct(shape, jnp.int32), jax.ShapeDtypeStruct(shape, jnp.float32)
    )
    counted = count(traced.jaxpr, turns_of(Expected((10, 10), 1, None)))
    assert list(counted.unknown.values()) == [1 / 8]


def test_lives_and_episodes_of_a_real_run():
    plan = plan_of("lpo")
    found = expected(plan.world, plan.experiment)
    assert found.time_limit == 500 and found.lifetimes == plan.world.lifetime_range
    step = jax.jit(plan.experiment.method.step)
    state = jax.eval_shape(plan.experiment.method.init, jax.random.key(0))
    turns = count(step.trace(state).jaxpr, turns_of(found)).unknown
    assert sorted(turns.values()) == [plan.world.lifetime_range[1], 500]
