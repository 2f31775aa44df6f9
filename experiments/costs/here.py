"""What this machine's rates are, measured in a few seconds, and how long work takes with them."""

import os
import time
from bisect import bisect_left
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from rlsuite.experiments.costs.work import Product, Work

_REPEATS = 7
_SMALL = 2**15
_CACHES = (2**21, 2**25)
"""Arrays up to so many bytes are read from a core's own cache, or from one that cores share."""
_HALF_RATE_DEPTH, _HALF_RATE_COLUMNS = 8, 3
"""Where a product of matrices runs at half its rate, on the machines that were looked at."""


class Rates(NamedTuple):
    """What a machine takes for things, in seconds for one unless it says otherwise.

    Attributes:
      product: one operation of a large product of matrices.
      bf16_product: the same, of a product whose factors are of bfloat16.
      half_rate_rows: rows of the left factor with which a product runs at half that rate.
      elementwise: one operation of many on the same number.
      transcendental: the mean of an exponential, a logarithm and a hyperbolic tangent.
      random: one random number.
      draw: a call of the random number generator, beside its numbers.
      sorted: a comparison.
      indexed: a number that is read or written where an index says.
      cached: a byte that is read from or written to a core's own cache.
      shared: a byte of a cache that cores share.
      memory: a byte that is read from or written to memory.
      kernel: a started program, beside what it does.
    """

    product: float
    bf16_product: float
    half_rate_rows: float
    elementwise: float
    transcendental: float
    random: float
    draw: float
    sorted: float
    indexed: float
    cached: float
    shared: float
    memory: float
    kernel: float

    def seconds(self, work: Work) -> float:
        """What some work takes: the sum of its parts, since a processor does one after another."""
        products = sum(self.product_seconds(each) * n for each, n in work.products.items())
        places = (self.cached, self.shared, self.memory)
        traffic = sum(
            number * places[bisect_left(_CACHES, 2**size)] for size, number in work.traffic.items()
        )
        parts = (
            *(products, traffic, work.decomposed * self.product * _DECOMPOSING),
            *(work.elementwise * self.elementwise, work.transcendental * self.transcendental),
            *(work.random * self.random, work.draws * self.draw, work.sorted * self.sorted),
            *(work.indexed * self.indexed, work.kernels * self.kernel),
        )
        return sum(parts)

    def product_seconds(self, product: Product) -> float:
        """What a product takes: thin and shallow ones run at a part of the rate."""
        part = (
            product.rows
            / (product.rows + self.half_rate_rows)
            * (product.depth / (product.depth + _HALF_RATE_DEPTH))
            * (product.columns / (product.columns + _HALF_RATE_COLUMNS))
        )
        each = self.bf16_product if product.precision == "bf16" else self.product
        return product.operations * each / part


_DECOMPOSING = 10
"""How many times slower than a product of matrices a decomposition is."""


def clock() -> float:
    """Seconds: of the process where it has one core, since others' work on it is not its own."""
    return time.process_time() if _num_cores() == 1 else time.perf_counter()


def _num_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rates(compile_with: Callable[..., jax.stages.Wrapped]) -> Rates:
    """The rates of programs that are compiled in some way; measured once in a process.

    Args:
      compile_with: `jit`, as an `Experiment` has it.
    """
    return _rates(repr(compile_with), _Compiled(compile_with))


class _Compiled(NamedTuple):
    """Equal to any other, so that a cache goes by what is beside it."""

    compile_with: Callable[..., jax.stages.Wrapped]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Compiled)

    def __hash__(self) -> int:
        return 0


@cache
def _rates(name: str, compiled: _Compiled) -> Rates:
    turn = _Turn(compiled.compile_with)
    numbers = jnp.linspace(0.5, 1.5, _SMALL)
    once = turn.seconds(lambda x: x * 0.9, numbers, 200)
    elementwise = (turn.seconds(_chain, numbers, 200) - once) / (15 * _SMALL)
    functions = (jnp.tanh, lambda x: jnp.exp(-x), lambda x: jnp.log(x + 1.5))
    dear = sum(turn.seconds(function, numbers, 60) - once for function in functions)
    few, many = (turn.seconds(_drawing(size), jax.random.key(0), 500) for size in (16, 1024))
    random = (many - few) / (1024 - 16)
    product = 1 / _product_rate(turn, 1, 1024, 1024, 1024, 1)
    thin = product * _product_rate(turn, 8, 8, 64, 64, 1000)
    full = 64 / (64 + _HALF_RATE_DEPTH) * 64 / (64 + _HALF_RATE_COLUMNS)
    order = jax.random.permutation(jax.random.key(0), 4096)
    some = numbers[:4096]
    return Rates(
        product=product,
        bf16_product=1 / _product_rate(turn, 1, 1024, 1024, 1024, 1, jnp.bfloat16),
        half_rate_rows=max(8 * (full / thin - 1), 0.0),
        elementwise=max(elementwise, 0.0),
        transcendental=dear / (3 * _SMALL),
        random=random,
        draw=max(few - 22 * random, 0.0) / 3,
        sorted=turn.seconds(lambda x: jnp.sort(x[::-1]), some, 20) / (4096 * 12),
        indexed=turn.seconds(lambda x: x.at[order].add(x[order]) * 0.5, some, 100) / (2 * 4096),
        cached=once / (8 * _SMALL),
        shared=turn.seconds(lambda x: x + 1, jnp.zeros(2**21), 20) / 2**24,
        memory=turn.seconds(lambda x: x + 1, jnp.zeros(2**24), 3) / 2**27,
        kernel=_kernel_seconds(turn),
    )


class _Turn(NamedTuple):
    """Times a turn of a loop."""

    compile_with: Callable[..., jax.stages.Wrapped]

    def seconds(self, function: Callable[[Any], Any], start: Any, turns: int) -> float:
        """The least of several runs, over the turns."""

        def loop(carried):
            return jax.lax.fori_loop(0, turns, lambda _, carried: function(carried), carried)

        program = self.compile_with(loop).lower(start).compile()
        return min(_timed(program, start) for _ in range(_REPEATS)) / turns


def _timed(program: Callable[[Any], Any], start: Any) -> float:
    began = clock()
    jax.block_until_ready(program(start))
    return clock() - began


def _chain(x):
    for _ in range(8):
        x = x * 0.9 + 0.1
    return x


def _drawing(size: int) -> Callable[[Any], Any]:
    """Three draws: two keys, some numbers and a key, 22 numbers beside `size - 16`."""

    def draw(key):
        key, own = jax.random.split(key)
        drawn = jax.random.uniform(own, (size,)).sum()
        return jax.random.fold_in(key, drawn.astype(jnp.int32))

    return draw


def _product_rate(
    turn: _Turn,
    batch: int,
    rows: int,
    columns: int,
    depth: int,
    turns: int,
    dtype: DTypeLike = jnp.float32,
) -> float:
    """Operations per second, of factors of a type."""
    left = jnp.full((batch, rows, depth), 1e-3, dtype)
    multiply_both = partial(jnp.matmul, preferred_element_type=jnp.float32)

    def multiply(right):
        product = multiply_both(left, right.astype(dtype))
        return right + 1e-9 * product.sum(axis=1, keepdims=True)

    seconds = turn.seconds(multiply, jnp.ones((batch, depth, columns)), turns)
    return 2 * batch * rows * columns * depth / seconds


def _kernel_seconds(turn: _Turn) -> float:
    """Of small sums in a loop that multiplies as well: the loop is not compiled as one piece."""

    def body(num_sums):
        def step(x):
            for _ in range(num_sums):
                x = x + 1e-9 * x.sum(axis=0)
            return x @ x

        return step

    few, many = (turn.seconds(body(sums), jnp.full((8, 8), 0.1), 500) for sums in (1, 9))
    return max(many - few, 0.0) / 16
