"""Tests of what LPG by evolution is composed of; that it learns is shown in test_evolution.py."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest

from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.meta.held_out import HeldOutConfig
from rlsuite.methods.ta_lpg import EvolvedLPGConfig, evolved_lpg
from rlsuite.objectives.learned_policy_gradient import LPGConfig

CONFIG = EvolvedLPGConfig(
    objective=LPGConfig(recurrent_width=4, embedding_width=3),
    life=LifeConfig(num_workers=3, rollout_length=4),
    meta=EvolutionConfig(population_size=4, num_episodes=2),
)


@pytest.mark.parametrize(("time", "known"), [("none", 0), ("progress_and_lifetime", 2)])
def test_the_evolved_network_reads_as_much_of_time_as_it_is_told(tiny_grid, time, known):
    config = replace(CONFIG, objective=replace(CONFIG.objective, time=time))
    method = evolved_lpg(
        tiny_grid, lambda key: Task(tiny_grid.default_params, jnp.array(3)), config
    )
    state = jax.eval_shape(method.init, jax.random.key(0))
    assert state.parameters["params"]["BackwardGRU_0"]["input_kernel"].shape == (5 + known, 12)
    after, metrics = jax.eval_shape(method.step, state)
    assert jax.tree.map(jnp.shape, after) == jax.tree.map(jnp.shape, state)
    assert "fitness" in metrics


@pytest.mark.parametrize(
    ("optimal_return", "known", "figure"),
    [
        (None, None, "held_out_return"),
        (lambda level: jnp.float32(2.0), [2.0, 2.0], "held_out_fraction"),
    ],
)
def test_held_out_levels_are_followed_where_that_is_asked_for(
    tiny_grid, optimal_return, known, figure
):
    method = evolved_lpg(
        tiny_grid,
        lambda key: Task(tiny_grid.default_params, jnp.array(3)),
        replace(CONFIG, held_out=HeldOutConfig(period=2, num_levels=2, num_episodes=2)),
        optimal_return=optimal_return,
    )
    state = jax.eval_shape(method.init, jax.random.key(0))
    metrics = jax.eval_shape(method.step, state)[1]
    assert [name for name in metrics if name.startswith("held_out")] == [figure]
    material = jax.jit(lambda key: method.init(key).material)(jax.random.key(0))
    assert material.task.lifetime.tolist() == [3, 3]
    best = material.optimal_return
    assert (best if best is None else best.tolist()) == known
