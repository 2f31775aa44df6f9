"""What fresh agents come to by a learned objective on levels that it is never trained on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Shaped

from rlsuite.averages import interquartile_mean
from rlsuite.curricula.curriculum import SampleTask
from rlsuite.lifetime import Life, Task
from rlsuite.meta.evolution import final_return
from rlsuite.method import Method
from rlsuite.ranges import Count
from rlsuite.rollout import OptimalReturn
from rlsuite.sharding import apart, num_parts
from rlsuite.watching import Measurement, watch

SEED = 2_007_08794
"""Training never draws from this key, and neither does the test of what was learned."""
LEAST_OPTIMAL_RETURN = 0.01
"""Below this there is nothing to take a fraction of."""


@dataclass(frozen=True)
class HeldOutConfig:
    """How an objective is followed while it is learned, on levels that are always the same.

    Attributes:
      period: meta-steps from one look to the next; none leaves it out.
      num_levels: levels, with a fresh agent on each.
      num_episodes: evaluation episodes behind the return of each.
    """

    period: Count | None = None
    num_levels: Count = 16
    num_episodes: Count = 16


class HeldOut(NamedTuple):
    """Levels and lifetimes, the keys of the lives on them, and the return of the best policy."""

    task: Task
    key: Shaped[Array, "level *key"]
    optimal_return: Float[Array, " level"] | None


def watch_held_out(
    method: Method,
    life: Life,
    sample_task: SampleTask,
    optimal_return: OptimalReturn | None,
    config: HeldOutConfig,
) -> Method:
    """The method, watched as the config asks for; if it doesn't, as it is."""
    if config.period is None:
        return method
    measurement = held_out(
        life,
        sample_task,
        optimal_return,
        num_levels=config.num_levels,
        num_episodes=config.num_episodes,
    )
    return watch(method, measurement, config.period)


def held_out(
    life: Life,
    sample_task: SampleTask,
    optimal_return: OptimalReturn | None = None,
    *,
    num_levels: int = 16,
    num_episodes: int = 16,
) -> Measurement:
    r"""Lives of fresh agents on fixed levels, by the parameters of a state as they are.

    Levels are drawn once, and agents have the same keys each time, so that what changes from one
    look to the next is the objective alone. Reported is the interquartile mean over levels of

    .. math::
        V(\theta_N, \ell) / V^*(\ell) \qquad (\texttt{held\_out\_fraction})

    where the best return :math:`V^*` is known, levels left out on which it is next to nothing; else
    that of the return itself, `held_out_return`.

    Args:
      life: how agents live; its objective takes `state.parameters`.
      sample_task: `key -> Task`, the training distribution.
      optimal_return: `level -> return` of the best policy; none where it isn't known.
      num_levels: levels that are drawn.
      num_episodes: evaluation episodes behind each return.
    """

    def init():
        task_key, life_key = jax.random.split(jax.random.key(SEED))
        tasks = jax.vmap(lambda key: Task(*sample_task(key)))(
            jax.random.split(task_key, num_levels)
        )
        optimal = None if optimal_return is None else jax.vmap(optimal_return)(tasks.level)
        return HeldOut(tasks, jax.random.split(life_key, num_levels), optimal)

    return_of = jax.vmap(final_return(life, num_episodes), in_axes=(0, None, 0))

    def measure(material, state):
        live = _shared(return_of, num_levels)
        returns = live(material.key, state.parameters, material.task)
        if material.optimal_return is None:
            return {"held_out_return": _typical(returns)}
        pays = material.optimal_return >= LEAST_OPTIMAL_RETURN
        fractions = returns / jnp.where(pays, material.optimal_return, jnp.nan)
        return {"held_out_fraction": _typical(fractions)}

    return Measurement(init, measure)


def _shared(live: Callable[..., Array], num_levels: int) -> Callable[..., Array]:
    """Divided among devices if they can share the levels equally; else each lives all lives."""
    return live if num_levels % num_parts() else apart(live, (0, None, 0))


def _typical(returns: Float[Array, " level"]) -> Float[Array, ""]:
    """The interquartile mean over the levels that have a return."""
    return interquartile_mean(returns, where=jnp.isfinite(returns))
