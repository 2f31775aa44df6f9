"""Tests of emitters that look for what improves elites."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.meta.named_strategies import make_strategy
from rlsuite.method import train
from rlsuite.methods.cma_me import CMAMEConfig, cma_me, improvement_emitters, ranks
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.map_elites import Standing, improved, no_elites, standing
from rlsuite.quality_diversity.solutions import evaluated
from tests.rlsuite.quality_diversity.domains import hills

DOMAIN, BINS = hills(), 10
KEYS = jax.random.split(jax.random.key(0), 4)


def solutions_of(genome):
    return evaluated(DOMAIN, true_position(), (), jnp.asarray(genome), after=jnp.int32(0))


def elites_of(genome):
    solutions = solutions_of(genome)
    return improved(no_elites(solutions, DOMAIN.num_cells(BINS)), solutions, DOMAIN, BINS)


ranked = jax.jit(ranks)


@settings(deadline=None)
@given(data=st.data())
def test_solutions_in_new_cells_come_first_and_then_those_who_gain_most(data):
    is_new = np.array(data.draw(st.lists(st.booleans(), min_size=6, max_size=6)))
    gain = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=6, max_size=6)), np.float32)
    merit = [(bool(new), float(more)) for new, more in zip(is_new, gain, strict=True)]
    expected = [sum(one > other for other in merit) for one in merit]
    assert ranked(Standing(is_new, gain)).tolist() == expected


def test_standing_is_what_a_solution_would_be_by_itself():
    @jax.jit
    def both(first, then):
        elites, children = elites_of(first), solutions_of(then)
        cells = DOMAIN.cells(children.position, BINS)
        each = jax.vmap(lambda one: improved(elites, one, DOMAIN, BINS))(
            jax.tree.map(lambda leaf: leaf[:, None], children)
        )
        stands = standing(elites, children, DOMAIN, BINS)
        return stands, stands.is_better, children, cells, elites, each

    first, then = 1.5 * jax.random.normal(KEYS[0], (60, 3)), jax.random.normal(KEYS[1], (8, 3))
    then = then.at[:4].set(first[:4]).at[4:6, :2].set(jnp.array([[1.39, 1.39], [-1.4, -0.4]]))
    stands, is_better, children, cells, before, after = jax.device_get(both(first, then))
    for child, cell in enumerate(cells):
        assert stands.is_new[child] == (not before.entered[cell])
        paid = before.solutions.reward[cell] if before.entered[cell] else 0.0
        np.testing.assert_allclose(stands.gain[child], children.reward[child] - paid, atol=1e-6)
        took_over = (after.solutions.genome[child] != before.solutions.genome).any(axis=1)
        assert np.flatnonzero(took_over).tolist() == [cell] * int(is_better[child])
    assert 0 < stands.is_new.sum() < 8 and 0 < is_better.sum() < 8


def test_an_emitter_goes_on_where_it_improves_something_and_else_begins_at_an_elite():
    strategy = make_strategy(
        "CMA_ES", jnp.zeros(3), population_size=6, standard_deviation=0.5, optimiser=None
    )
    variation = improvement_emitters(strategy, 2)
    better = jnp.array([[False] * 6, [True] + [False] * 5])
    stands = Standing(better.reshape(-1), jnp.zeros(12))

    @jax.jit
    def run():
        elites = elites_of(jax.random.normal(KEYS[0], (20, 3)))
        emitters = variation.init(KEYS[1], elites)
        (asked, draws), genome = variation.propose(KEYS[2], emitters, elites)
        after = variation.learn(KEYS[3], (asked, draws), elites, solutions_of(genome), stands)
        # The second one by hand.
        own, draw = (jax.tree.map(lambda leaf: leaf[1], tree) for tree in (asked, draws))
        told = strategy.tell(KEYS[0], own, draw, jnp.array([5.0, 0, 0, 0, 0, 0]))
        return elites, emitters, genome, after, told

    elites, emitters, genome, after, told = jax.device_get(run())
    known = elites.solutions.genome[elites.entered]
    for mean in (*emitters.mean, after.mean[0]):
        assert (known == mean).all(axis=1).any()
    assert genome.shape == (12, 3)
    assert (after.memory.std[0], after.memory.generation_counter[0]) == (0.5, 0)
    np.testing.assert_allclose(after.mean[1], told.mean, rtol=1e-5)
    np.testing.assert_allclose(after.memory.C[1], told.memory.C, rtol=1e-5, atol=1e-6)
    assert not (known == after.mean[1]).all(axis=1).any()


def test_it_covers_all_and_climbs():
    config = CMAMEConfig(10, 20, 100, 0.4, BINS, num_emitters=2)
    state, metrics = jax.jit(jax.vmap(train(cma_me(DOMAIN, config), 12)))(KEYS)
    assert (metrics["evaluations"][:, -1] == 10 + 12 * 100).all()
    assert (metrics["kept_coverage"][:, -1] > 0.9).all() and (metrics["areas"][:, -1] == 2).all()
    best = np.stack([metrics[f"best_reward_{area}"][:, -1] for area in (0, 1)])
    assert best.mean() > 0.8
    assert np.isfinite(state.elites.solutions.genome).all()
    assert (np.abs(state.elites.solutions.genome) <= 5).all()


def test_emitters_have_equal_parts_of_a_batch():
    assert CMAMEConfig(batch_size=200, num_emitters=5).population_size == 40
    for num_emitters, allowed in ((3, "a multiple of 3"), (20, "batch_size: 20 .* at least 40")):
        with pytest.raises(ValueError, match=allowed):
            cma_me(DOMAIN, CMAMEConfig(batch_size=20, num_emitters=num_emitters))
