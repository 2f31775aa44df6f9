"""The one shape every learning system in the suite has: two pure functions over one state."""

from collections.abc import Callable
from functools import wraps
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray

from rlsuite.requirements import require_counts

State = Any
Metrics = dict[str, Array]


class Method(NamedTuple):
    """A learning system as two pure functions over one pytree of state.

    The state holds everything that changes: meta-parameters, optimisers, agents, worlds, level
    buffer and the key. So a run is `scan(step)`, many seeds are `vmap(init)` and `vmap(step)`,
    and saving the state saves the run.

    Attributes:
      init: `key -> state`.
      step: `state -> (state, metrics)`. Metrics are scalars; NaN says "nothing to report in this
        step", so that averages over steps, agents or runs must leave it out (`mean_reported`).
    """

    init: Callable[[PRNGKeyArray], State]
    step: Callable[[State], tuple[State, Metrics]]


def mean_reported(metrics: Metrics) -> Metrics:
    """The mean of each metric over those of its values that report something; NaN if none does."""
    return {name: jnp.nanmean(values) for name, values in metrics.items()}


def single_precision(method: Method) -> Method:
    """The method in 32 bits, also in a process that computes in 64 (`JAX_ENABLE_X64`).

    Worlds and networks take the default precision of the process here and name one there. In 64
    bits the two would meet; so all of the method's functions are traced with 32 bits as the
    default, and a seed has the same result in either process.
    """

    def in_32_bits(function):
        @wraps(function)
        def traced(*arguments):
            with jax.enable_x64(False):
                return function(*arguments)

        return traced

    return Method(init=in_32_bits(method.init), step=in_32_bits(method.step))


def train(method: Method, num_steps: int) -> Callable[[PRNGKeyArray], tuple[State, Metrics]]:
    """A whole training run as one function of its key, to `jit`, `vmap` or import.

    Args:
      method: what to run.
      num_steps: how many steps of the method.

    Returns:
      `key -> (final state, metrics)`, where each metric has a leading axis of `num_steps`.

    Raises:
      ValueError: if `num_steps` is below 1.
    """
    require_counts(num_steps=num_steps)

    def run(key: PRNGKeyArray) -> tuple[State, Metrics]:
        return jax.lax.scan(lambda state, _: method.step(state), method.init(key), length=num_steps)

    return run


def side_by_side(method: Method, number: int) -> Method:
    """Several runs of one method as one method, each from a key of its own.

    Args:
      method: what each of them is.
      number: how many.

    Returns:
      A method whose state has a leading axis of runs, and whose metrics are means over those that
      have something to report.

    Raises:
      ValueError: if `number` is below 1.
    """
    require_counts(number=number)

    def step(states):
        states, metrics = jax.vmap(method.step)(states)
        return states, mean_reported(metrics)

    return Method(lambda key: jax.vmap(method.init)(jax.random.split(key, number)), step)


class PhaseState(NamedTuple):
    """Where a run of two methods is: `num_steps` made so far, and the states of both.

    The first's state stays as it was when it handed over. The second's is all zeros until then.
    """

    num_steps: Int[Array, ""]
    first: State
    second: State


def after(
    first: Method, num_steps: int, hand_over: Callable[[State], State], second: Method
) -> Method:
    """One method, and after some steps of it another one that goes on with what it left.

    The state says which phase it is in, so that a run may be put away in either and in between. A
    step costs what a step of its phase does, but for `vmap` over states: there each phase's step is
    made in every step unless all states share one `num_steps` (`in_axes=PhaseState(None, 0, 0)`).

    Args:
      first: what runs first.
      num_steps: how many steps of it.
      hand_over: from the first's last state to the state that the second starts from.
      second: what runs from then on; its `init` is `hand_over`'s to call if it wants to, with a key
        from the first's state.

    Returns:
      A method whose state is a `PhaseState`. It reports the metrics of both, those of the other
      phase as NaN.

    Raises:
      ValueError: if `num_steps` is below 1.
    """
    require_counts(num_steps=num_steps)

    def init(key):
        state = first.init(key)
        later = jax.eval_shape(hand_over, state)
        nothing_yet = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), later)
        return PhaseState(jnp.zeros((), jnp.int32), state, nothing_yet)

    def step(state):
        names = {
            name: jnp.full((), jnp.nan)
            for method, its_state in ((first, state.first), (second, state.second))
            for name in jax.eval_shape(method.step, its_state)[1]
        }

        def reported(metrics):
            return names | {name: jnp.asarray(m, jnp.float32) for name, m in metrics.items()}

        def step_first(state):
            after_step, metrics = first.step(state.first)
            later = jax.lax.cond(
                state.num_steps + 1 == num_steps,
                hand_over,
                lambda _: state.second,
                after_step,
            )
            return after_step, later, reported(metrics)

        def step_second(state):
            later, metrics = second.step(state.second)
            return state.first, later, reported(metrics)

        earlier, later, metrics = jax.lax.cond(
            state.num_steps < num_steps, step_first, step_second, state
        )
        return PhaseState(state.num_steps + 1, earlier, later), metrics

    return single_precision(Method(init=init, step=step))
