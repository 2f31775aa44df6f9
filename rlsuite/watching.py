"""Watching a method while it runs: a method around a method, which measures every so many steps."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from rlsuite.method import Method, Metrics, State, single_precision
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import require_counts
from rlsuite.selection import every


class Measurement(NamedTuple):
    """Something to be measured of a method's state, more than once and on the same things.

    Attributes:
      init: `() -> material`, what it is measured on. There is no key: it is the same for all seeds.
      measure: `(material, state) -> metrics`, single numbers whose names differ from the method's.
    """

    init: Callable[[], Any]
    measure: Callable[[Any, State], Metrics]


class WatchedState(NamedTuple):
    """The state of a method that is watched: `num_steps` made so far, and what is measured on."""

    num_steps: Int[Array, ""]
    material: Any
    state: State

    @property
    def parameters(self) -> Parameters:
        """What the method has learned."""
        return self.state.parameters


def watch(method: Method, measurement: Measurement, period: int) -> Method:
    """The method as it is, measured after every `period` steps.

    The measurement is a part of the compiled step, and is paid for in those steps alone. What the
    method does is the same to its last bit, as it has no share in its randomness.

    Args:
      method: to be watched.
      measurement: what is measured of its state.
      period: steps from one measurement to the next.

    Returns:
      A method whose state is a `WatchedState`. It reports the method's metrics, and those of the
      measurement, which are NaN in all other steps.

    Raises:
      ValueError: if `period` is below 1, or once it is traced if both have metrics of one name.
    """
    require_counts(period=period)

    def init(key):
        return WatchedState(jnp.zeros((), jnp.int32), measurement.init(), method.init(key))

    def step(watched):
        state, metrics = method.step(watched.state)
        num_steps = watched.num_steps + 1

        def measure(measured):
            found = measurement.measure(*measured)
            return {name: jnp.asarray(value, jnp.float32) for name, value in found.items()}

        measured = watched.material, state
        missing = {name: jnp.full((), jnp.nan) for name in jax.eval_shape(measure, measured)}
        if twice := sorted(set(missing) & set(metrics)):
            raise ValueError(
                f"measurement: {', '.join(twice)} is not allowed; the method reports it already"
            )
        metrics |= every(period, num_steps, measure, measured, missing)
        return WatchedState(num_steps, watched.material, state), metrics

    return single_precision(Method(init=init, step=step))


def unwatched(state: State) -> State:
    """The state of the method itself, whether it is watched or not."""
    return unwatched(state.state) if isinstance(state, WatchedState) else state
