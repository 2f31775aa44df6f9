"""The configuration of evolution, and the values that it stands for.

Numbers and names, as a command line has them. Whoever has values passes them to `evolve`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import jax
import jax.numpy as jnp
import optax
from annotated_types import Interval
from jaxtyping import PRNGKeyArray

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.lifetime import Life, Task
from rlsuite.meta.evolution import Evaluate, Lifetime, evolve, final_return, return_over_life
from rlsuite.meta.learning_rates import decaying
from rlsuite.meta.named_strategies import STRATEGIES, make_strategy
from rlsuite.meta.shaping import Fitness, centred_rank, pairwise, raw, z_score
from rlsuite.method import Method
from rlsuite.objectives.objective import Parameters
from rlsuite.ranges import Count, OneOf, Positive
from rlsuite.requirements import errors_of, named, require, require_known

FirstMean = Literal["initialised", "zero"]
"""Where the mean of the first generation is."""


@dataclass(frozen=True)
class EvolutionConfig:
    """Hyperparameters of evolution; the defaults are those of arXiv 2402.05828.

    Attributes:
      strategy: `Open_ES`, or any other distribution-based strategy of evosax with one mean.
      population_size: candidates in a generation, an even number.
      standard_deviation: of the first candidates about the mean (σ), for strategies with such a
        scale; `Open_ES` keeps it.
      first_mean: where the mean starts: as the parameters are `initialised`, or at `zero` as in
        public code, where all parameters are zero and candidates differ by their noise alone.
      learning_rate: of Adam on the mean at first, for strategies that estimate a gradient; those
        that recombine their best candidates (`CMA_ES`, `SNES`, …) step as they define it.
      first_moment_decay: of Adam (β₁). Public code has 0.99, by which steps follow the gradients of
        a hundred generations; it pays where there are many times as many.
      learning_rate_decay: factor of the learning rate from one generation to the next; 1 keeps it.
      min_learning_rate: the learning rate decays no further; one that starts below stays as it is.
      shaping: what the strategy is told of fitness: `pairwise`, `z_score`, `centred_rank` or `raw`.
        Strategies that keep the best candidate they have seen (`HillClimbing`, …) need `raw`.
      fitness: return of the agent at the end of its life (`final`), or over its life (`mean`).
      tasks_per_candidate: lives that a candidate's fitness is the mean of.
      num_mini_batches: lives are lived in this many groups, one after the other, to save memory.
      num_episodes: episodes behind the return of an agent at the end of its life.
    """

    strategy: Annotated[str, OneOf(tuple(STRATEGIES))] = "Open_ES"
    population_size: Count = 1024
    standard_deviation: Positive = 0.1
    first_mean: FirstMean = "initialised"
    learning_rate: Positive = 1e-2
    first_moment_decay: Annotated[float, Interval(ge=0, lt=1)] = 0.9
    learning_rate_decay: Positive = 0.999
    min_learning_rate: Positive = 1e-5
    shaping: Literal["pairwise", "z_score", "centred_rank", "raw"] = "pairwise"
    fitness: Literal["final", "mean"] = "final"
    tasks_per_candidate: Count = 1
    num_mini_batches: Count = 1
    num_episodes: Count = 64


def evolve_objective_from_config(
    life: Life, sample_task: SampleTask, config: EvolutionConfig
) -> Method:
    """Evolves an objective's parameters over whole lifetimes (arXiv 2402.05828, section 4).

    A candidate trains an agent from scratch for the whole lifetime of its task. Its fitness is the
    trained agent's mean return over fresh episodes, or that over its life. Lives of similar
    lengths are lived together, so that few updates are computed for agents whose life is over.

    Args:
      life: how agents live, with the objective to be learned.
      sample_task: `key -> Task`, the training distribution.
      config: hyperparameters.

    Raises:
      ValueError: as `evolve_from_config`.
    """
    return evolve_from_config(
        life.objective.init_parameters,
        lambda key: Task(*sample_task(key)),
        return_from_config(life, config),
        config,
        lifetime=lambda task: task.lifetime,
    )


def evolve_from_config(
    init: Callable[[PRNGKeyArray], Parameters],
    sample_task: Callable[[PRNGKeyArray], Any],
    evaluate: Evaluate,
    config: EvolutionConfig,
    *,
    lifetime: Lifetime | None = None,
) -> Method:
    """`evolve` in pairs with the strategy and the shaping that the config names.

    Raises:
      ValueError: as `evolve`, or if a name is unknown or a number out of its range.
    """
    with errors_of("meta"):
        require_known("first_mean", config.first_mean, get_args(FirstMean))
        size = config.population_size
        require(size >= 2 and size % 2 == 0, "population_size", size, "an even number, at least 2")
        for name in ("standard_deviation", "learning_rate", "learning_rate_decay"):
            require(getattr(config, name) > 0, name, getattr(config, name), "above 0")
        mean = zeros_as(init)
        rates = decaying(config.learning_rate, config.learning_rate_decay, config.min_learning_rate)
        return evolve(
            init if config.first_mean == "initialised" else lambda key: zeros_as(init),
            sample_task,
            evaluate,
            make_strategy(
                config.strategy,
                mean,
                population_size=size,
                standard_deviation=config.standard_deviation,
                optimiser=optax.adam(rates, b1=config.first_moment_decay),
            ),
            shaping=named("shaping", config.shaping, SHAPINGS),
            tasks_per_candidate=config.tasks_per_candidate,
            num_mini_batches=config.num_mini_batches,
            lifetime=lifetime,
        )


def zeros_as(init: Callable[[PRNGKeyArray], Parameters]) -> Parameters:
    """Zeros in the shapes of what `init` makes of a key."""
    return jax.tree.map(jnp.zeros_like, jax.eval_shape(init, jax.random.key(0)))


def return_from_config(life: Life, config: EvolutionConfig) -> Evaluate:
    """The return of an agent's life that the config names.

    Raises:
      ValueError: if the name is unknown.
    """
    returns = {
        "final": lambda: final_return(life, config.num_episodes),
        "mean": lambda: return_over_life(life),
    }
    return named("meta.fitness", config.fitness, returns)()


SHAPINGS: dict[str, Callable[[Fitness], Fitness]] = {
    shaping.__name__: shaping for shaping in (pairwise, z_score, centred_rank, raw)
}
"""By name."""
