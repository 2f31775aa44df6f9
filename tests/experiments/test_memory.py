"""What programs need, counted by hand; and what the machine has."""

import os

import jax
import jax.numpy as jnp
import pytest

from rlsuite.experiments.memory import bytes_of, least_bytes, memory_bytes, readable

MANY = 10**9


def least(function, *shapes):
    arguments = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in shapes]
    return least_bytes(jax.jit(function).trace(*arguments).jaxpr)


def stacked(length, start):
    """`length` copies of what a loop carries."""
    return jax.lax.scan(lambda carry, _: (carry + 1, carry), start, length=length)[1]


def test_what_is_computed_where_it_is_read_takes_nothing():
    assert least(lambda x: (jnp.arange(MANY) * x).sum(), ()) == 0
    keys = lambda x: jax.random.normal(jax.random.key(0), (MANY,)).max() + x  # noqa: E731
    assert least(keys, ()) == 0


def test_a_loop_holds_what_it_stacks_and_a_product_what_it_is():
    assert least(lambda x: stacked(MANY, x).sum(), (5,)) == 4 * 5 * MANY
    assert least(lambda x, y: (x @ y).sum(), (70, 2), (2, 30)) == 4 * 70 * 30


def test_a_carry_is_updated_in_place_and_made_once():
    add = lambda x: jax.lax.fori_loop(0, 9, lambda _, carry: carry + 1, x)  # noqa: E731
    assert least(add, (1000,)) == 0
    # The counter of the loop is the few bytes more.
    assert 0 <= least(lambda x: add(x + jnp.zeros(1000)).sum(), ()) - 4000 <= 8


def test_what_is_over_makes_room_for_what_comes():
    def one_after_the_other(x):
        total = stacked(1000, x).sum(axis=0)
        return stacked(3000, jax.lax.fori_loop(0, 2, lambda _, y: y + 1, total)).sum()

    def both(x):
        first, second = stacked(1000, x), stacked(3000, x)
        return (first.sum(axis=0) @ second.sum(axis=0), first.mean(), second.mean())

    assert 4 * 3000 * 5 <= least(one_after_the_other, (5,)) < 4 * 3100 * 5
    assert least(both, (5,)) >= 4 * 4000 * 5


def test_bodies_within_bodies_add_up():
    def outer(x):
        inner = lambda carry, _: (carry + stacked(70, carry).sum(), carry)  # noqa: E731
        return jax.lax.scan(inner, x, length=20)[1].sum()

    assert least(outer, (5,)) == 4 * 5 * (70 + 20)
    assert least(jax.jit(outer), (5,)) == least(jax.checkpoint(outer), (5,)) == 4 * 5 * (70 + 20)


def test_what_nobody_reads_takes_nothing():
    assert least(lambda x: jax.lax.scan(lambda c, _: (c + 1, c), x, length=MANY)[0], (5,)) == 0


@pytest.mark.parametrize("size", [64, 256])
def test_it_is_no_more_than_what_the_compiler_takes(size):
    """A recurrent loop with its gradient, which keeps the states of all steps."""

    def loss(weights, inputs):
        def step(state, x):
            state = jnp.tanh(state @ weights + x)
            return state, state

        states = jax.lax.scan(step, jnp.zeros_like(inputs[0]), inputs)[1]
        return jnp.square(states).mean()

    shapes = [jax.ShapeDtypeStruct(shape, jnp.float32) for shape in ((size, size), (50, 8, size))]
    traced = jax.jit(jax.grad(loss)).trace(*shapes)
    found = traced.lower().compile().memory_analysis()
    taken = found.temp_size_in_bytes + found.output_size_in_bytes
    assert 0.4 * taken <= least_bytes(traced.jaxpr) <= taken


def test_sizes_count_keys_and_shapes_alike():
    keys = jax.random.split(jax.random.key(0), 3)
    assert bytes_of({"keys": keys, "flags": jnp.zeros(5, bool)}) == 3 * 8 + 5
    assert bytes_of(jax.ShapeDtypeStruct((10**6, 10**6), jnp.float32)) == 4 * 10**12


def test_the_memory_is_the_machines_or_what_is_left_to_the_process():
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 0 < memory_bytes() <= machine


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "0.977 KiB"),
        (3 << 29, "1.5 GiB"),
        (1 << 62, "4.1e+03 PiB"),
    ],
)
def test_sizes_are_written_as_people_read_them(size, text):
    assert readable(size) == text
