"""Tests that working on the selected alone gives what working on all would."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.selection import every, map_selected, put, take

NUM_ITEMS = 9


def work(key, pair):
    number, row = pair
    return {
        "noise": jax.random.normal(key) + number,
        "key": jax.random.split(key, 1)[0],
        "row": -row,
    }


def make_items():
    keys = jax.random.split(jax.random.key(0), NUM_ITEMS)
    numbers = jnp.arange(NUM_ITEMS)
    return keys, (numbers, jnp.arange(NUM_ITEMS * 2.0).reshape(NUM_ITEMS, 2) + 1)


def make_otherwise():
    return {
        "noise": jnp.full(NUM_ITEMS, 100.0),
        "key": jax.random.split(jax.random.key(1), NUM_ITEMS),
        "row": jnp.full((NUM_ITEMS, 2), 7.0),
    }


def plain(tree):
    return tree | {"key": jax.random.key_data(tree["key"])}


@pytest.mark.parametrize("group_size", [None, 1, 4, 9, 20])
def test_equals_map_and_where(group_size):
    arguments, otherwise = make_items(), make_otherwise()
    everything = plain(jax.vmap(work)(*arguments))

    @jax.jit
    def select(selected):
        return map_selected(work, selected, arguments, otherwise, group_size=group_size)

    @settings(max_examples=30, deadline=None)
    @given(st.lists(st.booleans(), min_size=NUM_ITEMS, max_size=NUM_ITEMS))
    def check(selected):
        result = plain(select(jnp.array(selected)))
        for name, leaf in plain(otherwise).items():
            for item, is_selected in enumerate(selected):
                expected = everything[name] if is_selected else leaf
                np.testing.assert_array_equal(result[name][item], expected[item])

    check()


def test_nothing_selected_changes_nothing_even_if_the_work_would_fail():
    otherwise = {"value": jnp.arange(3.0)}
    result = map_selected(
        lambda x: {"value": x / 0 * jnp.nan}, jnp.zeros(3, bool), (jnp.ones(3),), otherwise
    )
    np.testing.assert_array_equal(result["value"], otherwise["value"])


@pytest.mark.parametrize(("num_selected", "num_calls"), [(0, 0), (1, 2), (2, 2), (3, 4), (8, 8)])
def test_the_cost_follows_the_number_selected(num_selected, num_calls):
    calls = []

    def counted(item):
        jax.debug.callback(calls.append, item)
        return item

    items = jnp.arange(8)
    result = map_selected(counted, items < num_selected, (items,), items - 100, group_size=2)
    jax.effects_barrier()
    assert len(calls) == num_calls
    np.testing.assert_array_equal(result, np.where(items < num_selected, items, items - 100))


def test_selections_that_differ_in_a_batch():
    masks = jnp.array([[True, False, True], [False, False, False], [True, True, True]])
    items = jnp.arange(3.0)
    result = jax.vmap(lambda mask: map_selected(jnp.exp, mask, (items,), items, group_size=1))(
        masks
    )
    np.testing.assert_allclose(result, np.where(masks, np.exp(items), items), rtol=1e-6)


def look(count, matrix):
    return every(5, count, lambda matrix: matrix @ matrix, matrix, jnp.zeros((8, 8)))


@pytest.mark.parametrize("seeds", [None, 3])
def test_every_so_often_it_is_computed(seeds):
    matrix = jnp.arange(64.0).reshape(8, 8) / 64
    for count in range(11):
        counts = jnp.int32(count) if seeds is None else jnp.full(seeds, count)
        found = (look if seeds is None else jax.vmap(look, (0, None)))(counts, matrix)
        expected = matrix @ matrix if count % 5 == 0 else jnp.zeros((8, 8))
        np.testing.assert_allclose(found, jnp.broadcast_to(expected, found.shape), rtol=1e-6)


def test_what_is_not_due_is_not_computed_however_it_is_compiled():
    """The compiler leaves the product in the loop that turns only where it is due."""
    arguments = jnp.int32(0), jnp.zeros((8, 8))
    text = jax.jit(look).lower(*arguments).compile().as_text()
    assert place_of(" dot(", text) in re.findall(r"body=%([\w.-]+)", text)


def place_of(operation, text):
    """The computation of a compiled program that has the operation, in itself or fused."""
    computations = re.findall(r"^(?:ENTRY )?%([\w.-]+) [^\n]*{\n(.*?)^}", text, re.M | re.S)
    (place,) = (name for name, lines in computations if operation in lines)
    for name, lines in computations:
        if re.search(rf"calls=%{re.escape(place)}\b(?![.-])", lines):
            return name
    return place


def test_what_is_put_somewhere_is_taken_from_there_and_nowhere_else():
    items = {"number": jnp.arange(3), "row": jnp.arange(6.0).reshape(3, 2)}
    new = {"number": jnp.array([10, 11]), "row": jnp.array([[7.0, 8.0], [9.0, 9.0]])}
    after = put(items, jnp.array([2, 3]), new)
    # The third place is the last: the other one is out of range.
    assert take(after, jnp.array([0, 1]))["number"].tolist() == [0, 1]
    last = take(after, 2)
    assert last["number"] == 10 and last["row"].tolist() == [7.0, 8.0]
