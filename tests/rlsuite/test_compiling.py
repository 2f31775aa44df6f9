"""Tests of compiling by the kind of program."""

import inspect
from typing import get_args

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.compiling import Program, jit


@pytest.mark.parametrize("program", get_args(Program))
def test_any_kind_of_program_computes_what_the_function_does(program):
    weights = jnp.arange(6.0).reshape(2, 3) / 6

    def function(x):
        return jax.lax.scan(
            lambda x, _: (jnp.tanh(weights.T @ (weights @ x)), x.sum()), x, length=4
        )

    x = jnp.array([0.3, -0.2, 0.5])
    for result, expected in zip(jit(function, program=program)(x), function(x), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-6)


@pytest.fixture
def well_compiled():
    """As for users: tests tell JAX to compile quickly."""
    jax.config.update("jax_disable_most_optimizations", False)
    yield
    jax.config.update("jax_disable_most_optimizations", True)


def test_cpus_that_are_to_compile_well_are_told_of_the_kind(monkeypatch, well_compiled):
    told, unwatched = [], jax.jit

    def watched(function, *, compiler_options):
        told.append(compiler_options)
        return unwatched(function)

    monkeypatch.setattr(jax, "jit", watched)
    for program in get_args(Program):
        jit(len, program=program)
    assert [options["xla_cpu_use_fusion_emitters"] for options in told] == [True, False, False]
    assert [options["xla_backend_optimization_level"] for options in told] == [2, 2, 0]
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for program in get_args(Program):
        jit(len, program=program)
    monkeypatch.undo()
    jax.config.update("jax_disable_most_optimizations", True)
    monkeypatch.setattr(jax, "jit", watched)
    for program in get_args(Program):
        jit(len, program=program)
    assert told[3:] == [None] * 6


def test_options_of_jax_are_handed_on():
    assert jit(lambda n, x: n * x, program="once", static_argnums=0)(2, jnp.ones(())) == 2


def test_an_unknown_kind_is_refused():
    # As for users, whose calls no annotation checks.
    unchecked = inspect.unwrap(jit)
    with pytest.raises(ValueError, match=r"program: 'huge' is unknown .* usual, large, once"):
        unchecked(len, program="huge")
