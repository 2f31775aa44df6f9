"""The programs of all methods, lowered: with seeds side by side, and for accelerators."""

import sys
from contextlib import suppress

import jax
import jax.numpy as jnp
import pytest
from lowered import algebra

from rlsuite import compiling
from rlsuite.experiments.conformance import check_preset
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import _final_return
from rlsuite.experiments.plans import default_run
from rlsuite.experiments.programs import abstract_state, trace_chunk
from rlsuite.experiments.specs import Watch
from tests.experiments.running import LARGEST, METHODS, plan_of

DECOMPOSING = {"lpg": (True, False), "lpo": (False, True)}
"""The recurrent kernels of learned rules start orthogonal, and so do PPO's agents, later on."""
PLATFORMS = ("cpu", "cuda", "tpu")
TESTED = {spec.kind: spec.name for spec in METHODS if spec.test is not None}
"""What is tested, and a method that learns it."""

PROGRAMS_OF_A_TEST = 3
"""Later ones differ in their worlds and contenders; tracing all of them would take a minute."""


class EnoughError(Exception):
    """That the programs looked at are enough."""


@pytest.fixture(autouse=True)
def on_an_accelerator(monkeypatch):
    """What asks JAX where it runs is told so."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")


@pytest.fixture
def one_operation_a_draw():
    """JAX's usual generator is another program of each draw on each platform: half of the lowering.

    PPO's chunk below has that one.
    """
    with jax.default_prng_impl("unsafe_rbg"):
        yield


def lowered(program, *arguments):
    """For all platforms at once: JAX refuses what one hasn't got, and calls of the host."""
    module = program.trace(*arguments).lower(lowering_platforms=PLATFORMS).as_text()
    assert "mhlo.num_partitions = 1" in module
    return module


def test_calls_of_the_host_are_refused():
    """So that methods which can be lowered are known to have none."""

    def calling(value):
        shape = jax.ShapeDtypeStruct((), jnp.float32)
        return jax.pure_callback(lambda value: value, shape, value)

    with pytest.raises(NotImplementedError, match="callback"):
        lowered(jax.jit(calling), jnp.float32(1))


@pytest.mark.usefixtures("one_operation_a_draw")
@pytest.mark.parametrize("name", METHODS.names)
def test_the_largest_presets_conform_and_lower_and_no_batch_of_matrices_is_decomposed(name):
    """With seeds side by side; such batches can wait for ever on two cores: see `one_at_a_time`."""
    experiment = check_preset(METHODS.find(name), LARGEST[name])
    init, step = (experiment.jit(jax.vmap(one)) for one in experiment.method)
    keys = jax.random.split(jax.random.key(0), 3)
    first = algebra(lowered(init, keys))
    later = algebra(lowered(step, jax.eval_shape(init, keys)))
    assert all(len(shape) <= 2 for shapes in first + later for shape in shapes)
    # Of some it is known, so that what is looked for is seen.
    found = bool(first), bool(later)
    assert found == DECOMPOSING.get(name, found)


def test_chunks_with_their_checks_lower_for_accelerators():
    experiment = plan_of("ppo").experiment
    chunk = trace_chunk(experiment, abstract_state(experiment.method), 2)
    for platform in PLATFORMS:
        assert "optimization_barrier" in chunk.lower(lowering_platforms=(platform,)).as_text()


@pytest.mark.usefixtures("one_operation_a_draw")
@pytest.mark.parametrize("name", TESTED.values(), ids=TESTED)
def test_tests_lower_for_accelerators(name, monkeypatch):
    spec = METHODS.find(name)
    finished = Finished(spec, name, "smoke", default_run(spec, "smoke"))
    # As if it had been read from the run's folder.
    state = ones(abstract_state(finished.experiment.method))
    monkeypatch.setitem(finished.__dict__, "_newest", (0, state))
    seen = []

    def lowering(function, **options):
        """A program that is lowered where it would be compiled, and returns ones."""
        program = jax.jit(function)

        def stand_in(*arguments):
            lowered(program, *jax.eval_shape(lambda *shapes: shapes, *arguments))
            seen.append(program)
            if len(seen) == PROGRAMS_OF_A_TEST:
                raise EnoughError
            return ones(jax.eval_shape(program, *arguments))

        return jax.jit(stand_in)

    for module in list(sys.modules.values()):
        if module is not compiling and getattr(module, "jit", None) is compiling.jit:
            monkeypatch.setattr(module, "jit", lowering)
    _final_return.cache_clear()
    with suppress(EnoughError):
        spec.test(finished, (), Watch(lambda description: lambda: None))
    _final_return.cache_clear()
    assert seen


def ones(tree):
    """Arrays of some shapes and types that are all ones, or keys."""

    def leaf(like):
        if jnp.issubdtype(like.dtype, jax.dtypes.prng_key):
            return jnp.broadcast_to(jax.random.key(1), like.shape)
        return jnp.ones(like.shape, like.dtype)

    return jax.tree.map(leaf, tree)
