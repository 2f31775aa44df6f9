"""Tests of novelty and fronts beside brute force, and of signatures by their identities."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rlsuite.quality_diversity.novelty import (
    NOBODY,
    first_front,
    novelty,
    smallest,
    squared_distances,
)
from rlsuite.quality_diversity.signatures import levels, log_signature, signature, with_time

numbers = st.floats(-3, 3, width=32)
# Some processors take the smallest numbers of all for zero.
positive = st.floats(0, 3, width=32, allow_subnormal=False)
novelty_in_one = jax.jit(novelty, static_argnames="num_neighbours")
smallest_in_one = jax.jit(smallest, static_argnames="number")
front_in_one, levels_in_one = jax.jit(first_front), jax.jit(levels)
signature_in_one = jax.jit(signature)


few_values = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, np.inf])


@settings(max_examples=40, deadline=None)
@given(
    # None but whole groups, and some more than that; many are equal.
    st.sampled_from([1, 24, 144, 157]).flatmap(
        lambda size: arrays(np.float32, size, elements=few_values | positive)
    ),
    st.sampled_from([1, 2, 5, None]),
)
def test_the_smallest_values_come_in_order_and_as_often_as_they_are_there(values, number):
    number = min(number or len(values), len(values))
    found = smallest_in_one(values, number=number)
    np.testing.assert_array_equal(found, np.sort(values)[:number])


@pytest.mark.parametrize("times", [1, 30])
def test_what_is_no_number_is_never_among_the_smallest(times):
    values = np.tile(np.array([np.nan, 2.0, -np.inf, np.nan, 1.0], np.float32), times)
    found = smallest_in_one(values, number=len(values))
    each = np.repeat([-np.inf, 1.0, 2.0, np.inf, np.inf], times)
    np.testing.assert_array_equal(found, each)


def test_an_accelerator_has_a_program_of_its_own():
    values = jnp.arange(300.0).reshape(2, 150)
    traced = jax.jit(jax.vmap(lambda row: smallest(row, 20))).trace(values)
    here, there = (
        traced.lower(lowering_platforms=(platform,)).as_text() for platform in ("cpu", "cuda")
    )
    assert "top_k" in there and "while" not in there
    assert "top_k" not in here and "while" in here


@pytest.mark.parametrize("number", [0, 4])
def test_there_are_not_more_smallest_values_than_values(number):
    with pytest.raises(ValueError, match=f"number: {number} is not allowed; it must be from 1"):
        smallest(jnp.arange(3.0), number)


def test_novelty_has_a_gradient_and_is_zero_where_nothing_is_known():
    references = jax.random.normal(jax.random.key(0), (7, 2))
    is_there = jnp.arange(7) < 5

    def new(code, is_there):
        return novelty(code[None], references, is_there, 3)[0]

    code = jnp.array([0.5, 0.1])
    slope = jax.jit(jax.grad(new))(code, is_there)
    away = np.asarray(code - references[:5], np.float64)
    distances = np.linalg.norm(away, axis=1)
    nearest = np.argsort(distances)[:3]
    np.testing.assert_allclose(slope, (away / distances[:, None])[nearest].mean(axis=0), rtol=1e-4)
    assert new(code, jnp.zeros(7, bool)) == 0
    assert not novelty(jnp.ones((4, 2)), jnp.zeros((0, 2)), jnp.zeros(0, bool), 3).any()


def test_novelty_towards_many_with_clones_is_what_brute_force_finds():
    draw = np.random.default_rng(0)
    references = draw.normal(size=(130, 3)).round(1).astype(np.float32)
    references[60:90] = references[:30]
    is_there, own = draw.random(130) < 0.8, np.arange(130)
    known = jnp.array(references), jnp.array(is_there)
    novelty_of = jax.vmap(lambda codes, own: novelty(codes, *known, 15, own=own))
    # Two halves side by side.
    found = jax.jit(novelty_of)(references.reshape(2, 65, 3), own.reshape(2, 65)).reshape(-1)
    for place, code in enumerate(references):
        others = references[is_there & (own != place)].astype(float)
        expected = np.sort(np.linalg.norm(others - code, axis=1))[:15].mean()
        np.testing.assert_allclose(found[place], expected, rtol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    arrays(np.float32, (4, 2), elements=numbers),
    arrays(np.float32, (7, 2), elements=numbers),
    arrays(bool, 7),
    st.lists(st.integers(NOBODY, 6), min_size=4, max_size=4),
)
def test_novelty_is_what_brute_force_finds(codes, references, is_there, own):
    found = novelty_in_one(codes, references, is_there, 3, own=np.array(own))
    for place, code in enumerate(codes):
        others = [i for i in range(7) if is_there[i] and i != own[place]]
        distances = sorted(np.linalg.norm(references[others] - code, axis=1).tolist())[:3]
        expected = np.mean(distances) if distances else 0.0
        np.testing.assert_allclose(found[place], expected, rtol=1e-4, atol=1e-6)


def test_identical_behaviours_are_not_new_and_all_neighbours_are_a_mean():
    same = jnp.full((5, 2), 0.7)
    everybody = jnp.ones(5, bool)
    assert not novelty_in_one(same, same, everybody, 50, own=jnp.arange(5)).any()
    codes = jax.random.normal(jax.random.key(0), (5, 2))
    distances = np.linalg.norm(np.asarray(codes)[:, None] - np.asarray(codes), axis=-1)
    found = novelty_in_one(codes, codes, everybody, 50, own=jnp.arange(5))
    np.testing.assert_allclose(found, distances.sum(axis=1) / 4, rtol=1e-5)


@pytest.mark.parametrize("size", [1, 16, 17, 50])
def test_distances_of_any_length_are_sums_of_squares(size):
    first, second = (
        jax.random.normal(key, (3, size)) for key in jax.random.split(jax.random.key(1))
    )
    expected = np.square(np.asarray(first)[:, None] - np.asarray(second)).sum(axis=-1)
    np.testing.assert_allclose(squared_distances(first, second), expected, rtol=1e-5)
    assert not np.diag(squared_distances(first, first)).any()


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()), min_size=6, max_size=6)
)
def test_the_first_front_is_what_nobody_dominates(items):
    first, second, is_there = (np.array(values) for values in zip(*items, strict=True))
    found = front_in_one(first.astype(np.float32), second.astype(np.float32), is_there)
    for place, (a, b, there) in enumerate(items):
        beaten = any(c >= a and d >= b and (c, d) != (a, b) for c, d, other in items if other)
        assert bool(found[place]) == (there and not beaten)


paths = arrays(np.float32, (5, 2), elements=numbers)


@settings(max_examples=40, deadline=None)
@given(paths, paths)
def test_signatures_keep_their_identities(path, other):
    first, second = map(np.asarray, levels_in_one(path))
    np.testing.assert_allclose(first, path[-1] - path[0], atol=1e-5)
    # Products of integrals by parts.
    np.testing.assert_allclose(second + second.T, np.outer(first, first), atol=1e-3)
    # Chen's rule: the other path is taken on from where the first ends.
    whole = np.concatenate([path, other[1:] - other[0] + path[-1]])
    other_first, other_second = map(np.asarray, levels_in_one(other))
    joint_first, joint_second = map(np.asarray, levels_in_one(whole))
    np.testing.assert_allclose(joint_first, first + other_first, atol=1e-4)
    expected = second + np.outer(first, other_first) + other_second
    np.testing.assert_allclose(joint_second, expected, atol=1e-3)


@settings(max_examples=20, deadline=None)
@given(paths)
def test_it_does_not_matter_how_fast_a_path_is_taken(path):
    half_way = (path[1] + path[2]) / 2
    slower = np.stack([path[0], path[0], path[1], half_way, path[2], *path[3:], path[4]])
    np.testing.assert_allclose(signature_in_one(slower), signature_in_one(path), atol=1e-3)


def test_time_as_a_channel_tells_how_fast_a_path_is_taken():
    path = jnp.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    slower = path[jnp.array([0, 1, 1, 1, 2])]
    assert np.abs(signature(with_time(path)) - signature(with_time(slower))).max() > 0.05
    np.testing.assert_allclose(with_time(path)[:, 2], [0.0, 0.5, 1.0])


def test_the_area_of_a_square_is_its_levy_area():
    square = jnp.array([[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0], [0.0, 0.0]])
    # Walked round against the clock: ends where it began, and encloses 4.
    np.testing.assert_allclose(log_signature(square), [0.0, 0.0, 4.0])
    three = jax.random.normal(jax.random.key(0), (6, 3))
    first, second = levels(three)
    areas = np.asarray(second - second.T)[np.triu_indices(3, 1)] / 2
    np.testing.assert_allclose(log_signature(three), np.concatenate([first, areas]), atol=1e-6)
