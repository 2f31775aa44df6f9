"""The programs of all methods, lowered: with seeds side by side, and for accelerators."""

import sys
from contextlib import suppress
from functools import cache

import jax
import jax.export
import jax.numpy as jnp
import pytest
from lowered import algebra

from rlsuite import compiling
from rlsuite.experiments.finished import Finished, Plan, default_run
from rlsuite.experiments.meta_test import _final_return
from rlsuite.experiments.programs import abstract_state, trace_chunk
from rlsuite.experiments.specs import Watch
from tests.experiments.running import METHODS

FIRST = {"lpg", "groove", "lpg-es", "ta-lpg", "ppo", "dpo"}
"""They start orthogonal: the recurrent kernels of learned rules, and PPO's agents at the outset."""
LATER = {"lpo", "ta-lpo", "act-train", "act-test", "ppo", "dpo"}
"""They make PPO's agents, which start orthogonal, later on."""
ACCELERATORS = ("cuda", "tpu")
SIZES = [
    (spec.name, preset)
    for spec in METHODS
    for preset in ("smoke", "paper")
    if preset in spec.presets
]
TESTED = {spec.kind: spec.name for spec in METHODS if spec.test is not None}
"""What is tested, and a method that learns it."""

PROGRAMS_OF_A_TEST = 3
"""Later ones differ in their worlds and contenders; tracing all of them would take a minute."""


class EnoughError(Exception):
    """That the programs looked at are enough."""


@cache
def experiment_of(name, preset):
    spec = METHODS.find(name)
    return Plan(spec, name, preset, default_run(spec, preset)).experiment


@pytest.fixture(autouse=True)
def on_an_accelerator(monkeypatch):
    """What asks JAX where it runs is told so."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


def export(program, *arguments):
    """JAX refuses what a platform hasn't got, and calls of the host from within a program."""
    exported = jax.export.export(program, platforms=ACCELERATORS)(*arguments)
    assert exported.platforms == ACCELERATORS and exported.nr_devices == 1


@pytest.mark.parametrize("name", METHODS.names)
def test_no_method_decomposes_a_batch_of_matrices(name):
    """Batches of them can wait for ever on machines of two cores; see `one_at_a_time`."""
    method = experiment_of(name, "smoke").method
    keys = jax.random.split(jax.random.key(0), 3)
    state = jax.eval_shape(jax.vmap(method.init), keys)
    first = algebra(jax.jit(jax.vmap(method.init)).lower(keys))
    later = algebra(jax.jit(jax.vmap(method.step)).lower(state))
    assert all(len(shape) <= 2 for shapes in first + later for shape in shapes)
    assert (bool(first), bool(later)) == (name in FIRST, name in LATER)


@pytest.mark.parametrize(("name", "preset"), SIZES)
def test_runs_lower_for_accelerators(name, preset):
    experiment = experiment_of(name, preset)
    export(experiment.jit(experiment.method.init), jax.random.key(0))
    export(experiment.jit(experiment.method.step), abstract_state(experiment.method))


def test_chunks_with_their_checks_lower_for_accelerators():
    experiment = experiment_of("ppo", "smoke")
    chunk = trace_chunk(experiment, abstract_state(experiment.method), 2)
    for platform in ACCELERATORS:
        assert "optimization_barrier" in chunk.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.parametrize("name", TESTED.values(), ids=TESTED)
def test_tests_lower_for_accelerators(name, monkeypatch):
    spec = METHODS.find(name)
    finished = Finished(spec, name, "smoke", default_run(spec, "smoke"))
    # As if it had been read from the run's folder.
    state = ones(abstract_state(finished.experiment.method))
    monkeypatch.setitem(finished.__dict__, "_newest", (0, state))
    exported = []

    def exporting(function, **options):
        """A program that is exported where it would be compiled, and returns ones."""
        program = jax.jit(function)

        def stand_in(*arguments):
            export(program, *jax.eval_shape(lambda *shapes: shapes, *arguments))
            exported.append(program)
            if len(exported) == PROGRAMS_OF_A_TEST:
                raise EnoughError
            return ones(jax.eval_shape(program, *arguments))

        return jax.jit(stand_in)

    for module in list(sys.modules.values()):
        if module is not compiling and getattr(module, "jit", None) is compiling.jit:
            monkeypatch.setattr(module, "jit", exporting)
    _final_return.cache_clear()
    with suppress(EnoughError):
        spec.test(finished, (), Watch(lambda description: lambda: None))
    _final_return.cache_clear()
    assert exported


def ones(tree):
    """Arrays of some shapes and types that are all ones, or keys."""

    def leaf(like):
        if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
            return jnp.broadcast_to(jax.random.key(1), like.shape)
        return jnp.ones(like.shape, like.dtype)

    return jax.tree.map(leaf, tree)
