"""What programs do, beside closed forms and beside what XLA counts where there are no loops."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.experiments.costs.counting import count

SIZES = st.integers(1, 40)


def traced(function, *shapes):
    return jax.jit(function).trace(*(jax.ShapeDtypeStruct(s, jnp.float32) for s in shapes))


def counted(function, *shapes, **options):
    return count(traced(function, *shapes).jaxpr, **options).total


def repeated(function, length):
    return lambda x: jax.lax.scan(lambda x, _: (function(x), None), x, length=length)[0]


@given(SIZES, SIZES, SIZES)
@settings(max_examples=20, deadline=None)
def test_a_product_of_matrices(rows, depth, columns):
    work = counted(jnp.matmul, (rows, depth), (depth, columns))
    assert work.operations == 2 * rows * depth * columns
    assert work.bytes_moved == 4 * (rows * depth + depth * columns + rows * columns)
    assert work.kernels == 1


def test_products_side_by_side_are_one():
    work = counted(jax.vmap(jnp.matmul), (5, 2, 3), (5, 3, 4))
    (product,) = work.products
    assert product[:4] == (5, 2, 4, 3) and work.operations == 2 * 5 * 2 * 3 * 4


@given(st.integers(1, 30), st.integers(1, 30))
@settings(max_examples=15, deadline=None)
def test_loops_count_as_often_as_they_turn(outer, inner):
    body = lambda x: x @ x  # noqa: E731
    once = counted(body, (6, 6)).operations
    assert counted(repeated(body, outer), (6, 6)).operations == outer * once
    nested = counted(repeated(repeated(body, inner), outer), (6, 6))
    assert nested.operations == outer * inner * once
    assert nested.turns == outer + outer * inner


def test_a_loop_of_unknown_length_turns_as_often_as_is_said():
    def halve(x):
        return jax.lax.while_loop(lambda x: x.max() > 1, lambda x: x / 2, x)

    program = traced(halve, (100,)).jaxpr
    once, often = count(program), count(program, turns=lambda loop: 7.0)
    assert once.unknown == {"while 1": 1.0} and often.unknown == {"while 1": 7.0}
    assert often.total.operations == pytest.approx(7 * once.total.operations)


def test_a_choice_costs_its_dearer_branch_and_both_where_each_item_chooses():
    def choose(is_cheap, x):
        return jax.lax.cond(is_cheap > 0, lambda x: x + 1, lambda x: x @ x, x)

    product = 2 * 8**3
    assert product <= counted(choose, (), (8, 8)).operations < product + 8
    both = counted(jax.vmap(choose), (3,), (3, 8, 8)).operations
    assert both >= 3 * (product + 8 * 8)


def test_a_choice_by_platform_costs_what_its_own_does():
    def choose(x):
        return jax.lax.platform_dependent(x, cpu=lambda x: x + 1, default=lambda x: x @ x)

    program = traced(choose, (8, 8)).jaxpr
    here, elsewhere = (count(program, platform=platform).total for platform in ("cpu", None))
    assert (here.operations, elsewhere.operations) == (8 * 8, 2 * 8**3)


def test_a_convolution():
    images, kernels = (2, 3, 8, 8), (5, 3, 3, 3)
    work = counted(lambda x, k: jax.lax.conv(x, k, (1, 1), "VALID"), images, kernels)
    assert work.operations == 2 * (2 * 5 * 6 * 6) * (3 * 3 * 3)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x @ x + x * 2,
        lambda x: jnp.tanh(x @ x).sum(),
        lambda x: jnp.exp(x).max(axis=1) - jnp.log1p(x.T).sum(axis=1),
        lambda x: jnp.where(x > 0, x, -x) / 3,
        lambda x: jax.nn.sigmoid(x)[2:5],
        lambda x: jax.grad(lambda x: jnp.square(jnp.sin(x @ x)).sum())(x),
        lambda x: x.at[jnp.array([1, 2])].add(1.0),
        lambda x: jnp.concatenate([x**3, jnp.floor(x)]),
        lambda x: jax.lax.reduce_window(x, 0.0, jax.lax.add, (2, 4), (2, 4), "VALID"),
        lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (3, 3), (1, 1), "SAME"),
        lambda x: jax.lax.reduce(x, 0.0, lambda x, y: x + 2 * y, (0,)),
    ],
)
def test_without_loops_it_is_what_xla_counts(function):
    program = traced(function, (24, 24))
    work, found = count(program.jaxpr).total, program.lower().cost_analysis()
    assert work.operations == pytest.approx(found["flops"], rel=0.02, abs=8)
    assert work.transcendental == found.get("transcendentals", 0)


def test_what_is_computed_where_it_is_read_is_neither_started_nor_written():
    work = counted(lambda x: jnp.sum((x * 2 + 1) ** 2), (1000,))
    assert work.kernels == 1 and work.bytes_moved == 4 * (1000 + 1)
    apart = counted(lambda x, y: (x * 2 + 1) @ y, (100, 100), (100, 100))
    assert apart.kernels == 2 and apart.bytes_moved == 4 * 5 * 100 * 100


def test_what_nobody_reads_costs_nothing():
    assert counted(lambda x: (x @ x, x)[1], (50, 50)).operations == 0


@given(st.integers(1, 200), st.integers(1, 200))
@settings(max_examples=15, deadline=None)
def test_more_of_it_costs_more(fewer, more):
    fewer, more = sorted((fewer, more))

    def work(size):
        found = counted(lambda x: jnp.sort(jnp.exp(x) @ x), (size, size))
        return found.operations, found.transcendental, found.sorted, found.bytes_moved

    assert all(small <= large for small, large in zip(work(fewer), work(more), strict=True))


def test_factors_say_how_precisely_they_are_multiplied():
    def precision(asked):
        multiply = lambda x: jax.lax.dot(x, x, precision=asked)  # noqa: E731
        (product,) = counted(multiply, (4, 4)).products
        return product.precision

    presets = jax.lax.DotAlgorithmPreset
    high, highest = jax.lax.Precision.HIGH, jax.lax.Precision.HIGHEST
    asked = [None, highest, high, presets.TF32_TF32_F32, presets.BF16_BF16_F32]
    assert list(map(precision, asked)) == ["default", "float32", "tf32", "tf32", "bf16"]


def test_sorting_takes_comparisons_of_the_axis_that_is_sorted():
    assert counted(lambda x: jax.lax.sort(x, dimension=0), (1024, 2)).sorted == 2 * 1024 * 10
    assert counted(lambda x: jax.lax.sort(x, dimension=1), (1024, 2)).sorted == 2 * 1024


def test_systems_of_equations_take_what_textbooks_say():
    solve = jax.scipy.linalg.solve_triangular
    assert counted(solve, (32, 32), (32, 4)).decomposed == 32 * 32 * 4
    assert counted(jax.lax.linalg.cholesky, (30, 30)).decomposed == pytest.approx(30**3 / 3)
