"""Tests of exact values of policies without memory, against sums over all that may happen."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import (
    Maze,
    best_actions,
    every_state,
    every_view,
    optimal_return,
    parse_level,
    policy_value,
)
from tests.envs.maze.test_world import step_of

WORLD = Maze(3)
LEVELS = [
    parse_level(text, max_steps=limit)
    for text, limit in ((">.G ... ...", 7), (">#. ..G ...", 9), ("v#G ##. ...", 5))
]
BATCH = jax.tree.map(lambda *leaves: jnp.stack(leaves), *LEVELS)


@jax.jit
def values(probabilities):
    """Of one policy for each level."""
    return jax.vmap(partial(policy_value, WORLD))(BATCH, probabilities)


def summed_up(level, probabilities):
    """Where the agent may be after each step, with what is paid on the way."""
    chances = {(int(level.start), int(level.direction)): 1.0}
    expected = solved = 0.0
    limit = int(level.max_steps_in_episode)
    for time in range(1, limit + 1):
        after = {}
        for (position, direction), chance in chances.items():
            for action, share in enumerate(probabilities[direction * WORLD.cells + position]):
                *place, arrived = step_of(WORLD, level, position, direction, action)
                if arrived:
                    expected += chance * share * (1 - 0.9 * time / limit)
                    solved += chance * share
                else:
                    after[tuple(place)] = after.get(tuple(place), 0.0) + chance * share
        chances = after
    return expected, solved


def test_values_are_sums_over_all_that_may_happen():
    policies = jax.random.dirichlet(jax.random.key(0), jnp.ones(3), (3, 4 * WORLD.cells))
    found = np.transpose(values(policies))
    for index, level in enumerate(LEVELS):
        plain = jax.tree.map(np.asarray, level)
        expected = summed_up(plain, np.asarray(policies[index]))
        np.testing.assert_allclose(found[index], expected, atol=1e-6)
    assert (found[:2] > 1e-3).all() and (found[2] == 0).all()


def test_the_policy_of_shortest_paths_has_no_regret():
    actions = jax.vmap(partial(best_actions, WORLD))(BATCH).reshape(3, -1)
    found = values(jax.nn.one_hot(actions, 3))
    best = [optimal_return(WORLD, level) for level in LEVELS]
    np.testing.assert_allclose(found.expected_return, best, atol=1e-6)
    assert found.solve_rate == pytest.approx([1, 1, 0])


def test_what_is_seen_in_every_state_is_what_the_world_shows():
    views = every_view(WORLD, LEVELS[0])
    states = every_state(WORLD)
    for index in (0, 7, 35):
        state = jax.tree.map(lambda leaf, i=index: leaf[i], states)
        seen = WORLD.get_obs(state, LEVELS[0])
        np.testing.assert_allclose(views.image[index], seen.image, atol=1e-6)
        assert int(views.direction[index]) == int(seen.direction) == index // 9
        assert int(state.position) == index % 9
