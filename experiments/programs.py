"""The compiled programs of a run, or of runs side by side that differ in their seeds alone.

Side by side, every leaf of a state has a leading `seed` axis. What becomes of one seed doesn't
depend on the others: what a run comes to depends on how many there are beside it by rounding alone.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import PyTree

from rlsuite.compiling import jit
from rlsuite.experiments.divergence import Signs, finite_optimisers, signs
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Method, Metrics, State, mean_reported
from rlsuite.sharding import SEEDS

Found = tuple[Metrics, Signs]
"""What a chunk of steps tells beside its last state: the means of metrics, and signs of health."""


def under(mesh: Mesh | None) -> AbstractContextManager[Any]:
    """Where programs are traced for the devices of a mesh; for one device if there is none."""
    return nullcontext() if mesh is None else jax.set_mesh(mesh)


class Programs:
    """What is compiled for runs of one experiment.

    Args:
      experiment: what they run.
      seeds: of each run; of one alone, states have no `seed` axis.
    """

    def __init__(self, experiment: Experiment, seeds: Sequence[int]):
        self._experiment, self._seeds = experiment, tuple(seeds)
        self._num_seeds = len(seeds) if len(seeds) > 1 else None

    def restored_as(self) -> State:
        """Shapes and types of a state of one run, and where its leaves go when it is restored."""
        state = abstract_state(self._experiment.method)
        places = None if self._num_seeds else self._places
        return state if places is None else jax.tree.map(_placed, state, places)

    @cached_property
    def _init(self) -> jax.stages.Compiled:
        """What makes first states, compiled once for all who ask where their leaves are."""
        return _compiled_init(self._experiment.method, self._num_seeds)

    @property
    def _places(self) -> PyTree | None:
        """Where the leaves of a state are, if devices share them."""
        if jax.sharding.get_abstract_mesh().empty:
            return None
        return self._init.output_shardings

    def start(self, restored: Sequence[State | None]) -> State:
        """The state from which all go on.

        Args:
          restored: of each run, or none for one that begins.
        """
        if self._num_seeds is None:
            (state,) = restored
            return self._init(np.uint32(self._seeds[0])) if state is None else state
        if all(state is not None for state in restored):
            return _stack(restored, self._places)
        fresh = self._init(np.array(self._seeds, np.uint32))
        if all(state is None for state in restored):
            return fresh
        states = [
            self.one(fresh, index) if state is None else state
            for index, state in enumerate(restored)
        ]
        return _stack(states, self._places)

    def one(self, state: State, index: int) -> State:
        """The state of one run."""
        return state if self._num_seeds is None else _one(state, np.int32(index))

    def one_of(self, found: Any, index: int) -> Any:
        """What a chunk has found of one run, of what it has found as NumPy arrays."""
        if self._num_seeds is None:
            return found
        return jax.tree.map(lambda leaf: leaf[index], found)

    def chunk(self, state: State, length: int) -> jax.stages.Compiled:
        """The program of `length` steps."""
        return trace_chunk(self._experiment, state, length, self._num_seeds).lower().compile()

    def where(self, is_new: Sequence[bool], new: State, old: State) -> State:
        """Of each run, one of two states; the memory of the first is used up."""
        choose = jit(
            lambda is_new, new, old: jax.tree.map(
                lambda one, other: jax.vmap(jnp.where)(is_new, one, other), new, old
            ),
            program="once",
            donate_argnums=1,
            **as_before(new),
        )
        return choose(np.array(is_new), new, old)


def initial_state(method: Method, seed: int) -> State:
    """The state at step 0, with the types it will have ever after.

    Weak types are made strong: a checkpoint does not record them, and the step may compute another
    result for a state that has them.
    """
    return _compiled_init(method, None)(np.uint32(seed))


def abstract_state(method: Method, num_seeds: int | None = None) -> State:
    """The shapes and types of the state of a method; nothing is computed.

    Args:
      method: whose state it is.
      num_seeds: of runs side by side; none for one alone, which has no `seed` axis.
    """
    init = _init(method, num_seeds)
    return jax.eval_shape(init, _abstract_seeds(num_seeds))


def trace_chunk(
    experiment: Experiment, state: State, length: int, num_seeds: int | None = None
) -> jax.stages.Traced:
    """The program of `length` steps, which reuses the memory of the state it is given.

    Args:
      experiment: whose steps they are.
      state: arrays, or their shapes and types.
      length: number of steps.
      num_seeds: of runs side by side; none for one alone.
    """

    def steps(state: State) -> tuple[State, Found]:
        # Read before a step is made, so that the memory of the state is free by then.
        before, state = jax.lax.optimization_barrier((finite_optimisers(state), state))
        state, metrics = jax.lax.scan(
            lambda state, _: experiment.method.step(state), state, length=length
        )
        return state, (mean_reported(metrics), signs(experiment, before, state, metrics))

    program = _of_seeds(steps, num_seeds)
    return experiment.jit(program, donate_argnums=0, **as_before(state, more=True)).trace(state)


def as_before(state: State, *, more: bool = False) -> dict[str, Any]:
    """Tells `jit` to leave a state divided among devices as it is.

    Args:
      state: arrays, or their shapes and types.
      more: whether the program returns something beside it, which then is on all devices.
    """
    mesh = jax.sharding.get_mesh()
    if mesh.empty or not all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(state)):
        return {}
    places = jax.tree.map(lambda leaf: leaf.sharding, state)
    everywhere = NamedSharding(mesh, PartitionSpec())
    return {"out_shardings": (places, everywhere) if more else places}


def _of_seeds(function: Callable[..., Any], num_seeds: int | None) -> Callable[..., Any]:
    return function if num_seeds is None else jax.vmap(function, spmd_axis_name=SEEDS)


def _init(method: Method, num_seeds: int | None) -> Callable[[jax.Array], State]:
    # Of a seed, since a key would lie on one device of one host.
    def init(seed: jax.Array) -> State:
        return jax.tree.map(_strong, method.init(jax.random.key(seed)))

    return _of_seeds(init, num_seeds)


def _abstract_seeds(num_seeds: int | None) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(() if num_seeds is None else (num_seeds,), np.uint32)


def _strong(leaf: Any) -> jax.Array:
    leaf = jnp.asarray(leaf)
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    return leaf if is_key else jax.lax.convert_element_type(leaf, leaf.dtype)


def _compiled_init(method: Method, num_seeds: int | None) -> jax.stages.Compiled:
    def init(seeds: jax.Array) -> State:
        state = _init(method, num_seeds)(seeds)
        return state if num_seeds is None else jax.tree.map(_shared_by_seeds, state)

    return jit(init, program="once").lower(_abstract_seeds(num_seeds)).compile()


def _stack(states: Sequence[State], places: PyTree | None) -> State:
    stacked = jit(
        lambda *states: jax.tree.map(lambda *leaves: jnp.stack(leaves), *states),
        program="once",
        **({} if places is None else {"out_shardings": places}),
    )
    return stacked(*states)


def _shared_by_seeds(leaf: jax.Array) -> jax.Array:
    """A leaf whose leading `seed` axis is divided among devices, and the rest as it comes."""
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty or mesh.shape[SEEDS] == 1:
        return leaf
    rest = (PartitionSpec.UNCONSTRAINED,) * (leaf.ndim - 1)
    return jax.lax.with_sharding_constraint(leaf, PartitionSpec(SEEDS, *rest))


def _placed(leaf: jax.ShapeDtypeStruct, place: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)


@jax.jit
def _one(state: PyTree, index: jax.Array) -> PyTree:
    return jax.tree.map(lambda leaf: leaf[index], state)
