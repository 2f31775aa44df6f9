import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rlsuite.envs.gridworld.chance import BELOW_ONE, draw_free_cells, flip_coins

flip_five = jax.jit(lambda uniform, chances: jnp.stack(flip_coins(uniform, list(chances))))
draw_cells = jax.jit(draw_free_cells)


@given(
    uniform=st.floats(0.0, BELOW_ONE, width=32),
    chances=st.lists(
        st.sampled_from([0.0, 1.0]) | st.floats(0.0, 1.0, width=32), min_size=5, max_size=5
    ),
)
@settings(max_examples=200, deadline=None)
def test_certain_coins_never_fail(uniform, chances):
    flips = flip_five(jnp.float32(uniform), jnp.array(chances, jnp.float32))
    for flip, chance in zip(flips, chances, strict=True):
        assert bool(flip) or chance < 1.0
        assert not bool(flip) or chance > 0.0


def test_coins_are_independent_and_fair_to_their_probabilities():
    chances = np.array([0.3, 0.01, 0.5, 0.9, 0.07], np.float32)
    # The midpoints of a fine grid integrate over the uniform number exactly, up to its spacing.
    uniforms = (jnp.arange(2**20) + 0.5) / 2**20
    flips = np.asarray(jax.vmap(lambda u: flip_five(u, jnp.array(chances)))(uniforms))
    outcomes = np.bincount(flips @ (1 << np.arange(5)), minlength=32) / len(uniforms)
    bits = (np.arange(32)[:, None] >> np.arange(5)) & 1
    expected = np.prod(np.where(bits, chances, 1 - chances), axis=1)
    np.testing.assert_allclose(outcomes, expected, atol=5e-6)


@given(seed=st.integers(0, 2**32 - 1), density=st.sampled_from([0.05, 0.3, 0.9]))
@settings(max_examples=60, deadline=None)
def test_drawn_cells_are_free_and_distinct(seed, density):
    generator = np.random.default_rng(seed)
    free = generator.random(36) < density
    wanted = generator.random(4) < 0.7
    cells, taken = draw_cells(
        jnp.array(generator.random(4), jnp.float32), jnp.array(free), jnp.array(wanted)
    )
    cells, taken = np.asarray(cells), np.asarray(taken)
    assert taken.sum() == min(wanted.sum(), free.sum())
    assert not np.any(taken & ~wanted)
    assert free[cells[taken]].all()
    assert len(set(cells[taken])) == taken.sum()


@pytest.mark.parametrize("slot", [0, 1, 2])
def test_every_draw_is_uniform(slot):
    free = np.array([1, 0, 1, 1, 0, 1, 1, 0, 1], bool)
    uniforms = jax.random.uniform(jax.random.key(slot), (20_000, 3))
    cells, _ = jax.vmap(draw_cells, (0, None, None))(uniforms, jnp.array(free), jnp.ones(3, bool))
    counts = np.bincount(np.asarray(cells)[:, slot], minlength=9)
    assert counts[~free].sum() == 0
    assert stats.chisquare(counts[free]).pvalue > 1e-4
