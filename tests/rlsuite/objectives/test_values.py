"""Tests of values along rollouts: the fast way is the plain way, and clipped errors are flat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.drifts import ppo_clip
from rlsuite.envs.maze import Maze
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo_of
from rlsuite.objectives.values import value_error
from rlsuite.rollout import Levels, memories, reset_worlds, rollout
from rlsuite.students import StudentConfig, make_student

LENGTH, WORKERS = 12, 3


@pytest.fixture(scope="module")
def student():
    """A student's objective and its learner."""
    config = StudentConfig(num_filters=(2,), embedding_width=2, recurrent_width=4, head_widths=(4,))
    objective = ppo_of(make_student(Maze(3), config), PPOConfig(), ppo_clip(0.2), WORKERS)
    return objective, objective.init(jax.random.key(0))


@pytest.mark.parametrize(
    ("limit", "judges"), [(1, False), (3, True), (5, False), (5, True), (LENGTH + 1, False)]
)
def test_values_of_a_rollout_are_those_of_each_step(student, limit, judges):
    """However many episodes a limit cuts, and whether or not the rollout has kept any values."""
    objective, learner = student
    world = Maze(3)
    level = world.default_params.replace(max_steps_in_episode=jnp.int32(limit))

    @jax.jit
    def compare(learner):
        policy, levels = objective.behaviour(learner, judges=judges), Levels(level)
        worlds = reset_worlds(jax.random.key(1), world, levels, WORKERS)
        start = policy.init_memory(WORKERS)
        experience = rollout(jax.random.key(2), world, levels, policy, worlds, start, LENGTH)[2]
        steps, memory = experience.transitions, memories(policy, experience)
        _, after = policy.act(memory, steps.observation)
        plain = (
            objective.predict(learner, memory, steps.observation)[..., 0],
            objective.predict(learner, after, steps.next_observation)[..., 0],
        )
        return steps, objective.values(learner, experience), plain

    steps, found, plain = compare(learner)
    assert steps.truncated.any() == (limit <= LENGTH)
    np.testing.assert_allclose(found[0], plain[0], rtol=1e-5, atol=1e-6)
    goes_on = ~np.asarray(steps.terminated)
    np.testing.assert_allclose(found[1][goes_on], plain[1][goes_on], rtol=1e-5, atol=1e-6)


def test_values_gain_nothing_by_going_further_than_the_clip():
    """Old values are 0 and targets 1 or -1; what is worse counts, and what is clipped is flat."""
    values = jnp.array([0.1, 0.5, 0.5])
    targets = jnp.array([1.0, 1.0, -1.0])
    error = value_error(values, targets, targets, clip=0.2)
    np.testing.assert_allclose(error, np.mean([0.9**2, 0.8**2, 1.5**2]), rtol=1e-6)
    slopes = jax.grad(value_error)(values, targets, targets, 0.2)
    np.testing.assert_allclose(slopes, np.array([-1.8, 0.0, 3.0]) / 3, rtol=1e-6)
    error = value_error(values, targets, targets)
    np.testing.assert_allclose(error, np.mean([0.9**2, 0.5**2, 1.5**2]), rtol=1e-6)
