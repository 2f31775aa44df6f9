"""Worlds around worlds are as those within, also around such as say what is seen by a key alone."""

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.cells import Cells, CellWorld
from rlsuite.envs.restarts import RestartWorld, demonstrate
from rlsuite.envs.sticky import StickyWorld

WORLD, LEVEL = gymnax.make("FrozenLake-misc")


@pytest.mark.parametrize(
    "wrapped",
    [
        StickyWorld(WORLD, 0.0),
        CellWorld(WORLD, Cells(16, lambda state, seen: jnp.int32(0))),
        RestartWorld(WORLD),
    ],
    ids=lambda wrapped: type(wrapped).__name__,
)
def test_all_but_what_they_add_is_as_within(wrapped):
    params = wrapped.default_params
    seen, state = wrapped.reset(jax.random.key(0), params)
    np.testing.assert_array_equal(seen, WORLD.observe(None, wrapped.within(state), None, LEVEL))
    np.testing.assert_array_equal(seen, wrapped.get_obs(state, params))
    assert state.time == 0 and not wrapped.is_truncated(state, params)
    assert wrapped.is_terminated(state, params) == WORLD.is_terminated(state.world, LEVEL)
    assert wrapped.action_space(params).n == WORLD.action_space(LEVEL).n == 4


@pytest.mark.parametrize("size", [30, 34])
def test_what_is_shown_again_succeeds_from_everywhere(size):
    """However rewards are rounded: DeepSea pays many small ones."""
    world, level = gymnax.make("DeepSea-bsuite", size=size)
    # To the right, whatever that is called in each place.
    start = world.reset_env(jax.random.key(0), level)[1]
    actions = jnp.diagonal(start.action_mapping)
    shown = demonstrate(world, level, actions, jnp.int32(size))
    restarts = RestartWorld(world)
    params = restarts.default_params.replace(demonstration=shown)

    def succeeds(place):
        at = params.replace(latest=place)
        _, state = restarts.reset_env(jax.random.key(0), at)

        def step(carry, action):
            state, done = carry
            _, after, *_, info = restarts.step_env(jax.random.key(0), state, action, at)
            is_next = state.clock >= size
            return (after, done | (info["extra"].succeeded & ~is_next)), None

        later = jnp.roll(actions, -place)
        return jax.lax.scan(step, (state, jnp.array(False)), later)[0][1]

    assert jax.jit(jax.vmap(succeeds))(jnp.arange(size)).all()
