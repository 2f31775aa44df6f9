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
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import _final_return
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import abstract_state, trace_chunk
from rlsuite.experiments.specs import Watch
from tests.experiments.running import METHODS

DECOMPOSING = {"lpg": (True, False), "lpo": (False, True)}
"""The recurrent kernels of learned rules start orthogonal, and so do PPO's agents, later on."""
PLATFORMS = ("cpu", "cuda", "tpu")
LARGEST = {
    spec.name: "paper" if "paper" in spec.presets else list(spec.presets)[-1] for spec in METHODS
}
"""The papers' own sizes, which no machine of a test can run."""
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
    exported = jax.export.export(program, platforms=PLATFORMS)(*arguments)
    assert exported.platforms == PLATFORMS and exported.nr_devices == 1
    return exported.mlir_module()


@pytest.mark.parametrize("name", METHODS.names)
def test_seeds_side_by_side_lower_for_all_and_no_batch_of_matrices_is_decomposed(name):
    """Such batches can wait for ever on machines of two cores; see `one_at_a_time`."""
    experiment = experiment_of(name, LARGEST[name])
    init, step = (experiment.jit(jax.vmap(one)) for one in experiment.method)
    keys = jax.random.split(jax.random.key(0), 3)
    first = algebra(export(init, keys))
    later = algebra(export(step, jax.eval_shape(init, keys)))
    assert all(len(shape) <= 2 for shapes in first + later for shape in shapes)
    # Of some it is known, so that what is looked for is seen.
    found = bool(first), bool(later)
    assert found == DECOMPOSING.get(name, found)


def test_chunks_with_their_checks_lower_for_accelerators():
    experiment = experiment_of("ppo", "smoke")
    chunk = trace_chunk(experiment, abstract_state(experiment.method), 2)
    for platform in PLATFORMS:
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
