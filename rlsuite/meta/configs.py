"""Configurations of meta-learning, and the values that they stand for.

Numbers and names, as a command line has them. Whoever has values passes them to `meta_gradient` and
`evolve`.
"""

import inspect
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import optax
from annotated_types import Interval
from evosax.algorithms.distribution_based import distribution_based_algorithms
from evosax.core.fitness_shaping import identity_fitness_shaping_fn, weights_fitness_shaping_fn
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.agents import Trainable
from rlsuite.curricula.curriculum import Curriculum, SampleTask
from rlsuite.lifetime import Life, Task
from rlsuite.meta.evolution import Evaluate, Lifetime, evolve, final_return, return_over_life
from rlsuite.meta.gradients import meta_gradient, weighted
from rlsuite.meta.shaping import Fitness, centred_rank, pairwise, raw, z_score
from rlsuite.meta.strategies import Strategy, from_evosax, open_es
from rlsuite.method import Method
from rlsuite.objectives.objective import Parameters
from rlsuite.ranges import Count, Fraction, NotNegative, OneOf, Positive
from rlsuite.scores import Score


@dataclass(frozen=True)
class MetaGradientConfig:
    """Hyperparameters of the truncated meta-gradient.

    Attributes:
      num_agents: agents that learn side by side.
      num_updates: agent updates the meta-gradient reaches back through (K).
      learning_rate: of Adam on the objective's parameters at first.
      learning_rate_decay: factor of the learning rate from one meta-step to the next; 1 keeps it.
      min_learning_rate: the learning rate decays no further; one that starts below stays as it is.
      max_gradient_norm: the meta-gradient is scaled down to this norm; none leaves it. With few
        agents a single one whose policy has saturated can blow the gradient up a thousandfold,
        which Adam's second moment then remembers for as many steps.
      discount: of the meta-objective's advantages.
      gae_lambda: likewise.
      policy_entropy_coefficient: weight of the agents' policy entropy, maximised.
      prediction_entropy_coefficient: weight of the agents' prediction entropy, maximised.
      policy_target_coefficient: weight of the mean squared policy target, minimised.
      prediction_target_coefficient: weight of the prediction target's squared norm, minimised.
      stagger: whether the first agents' lives are cut to different lengths, so that agents of every
        age are there from then on, where lifetimes are all the same.
      num_mini_batches: agents are taken in this many groups, one after the other, to save memory;
        the gradient is the same, and from two on its noise is measured.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
    """

    num_agents: Count = 512
    num_updates: Count = 5
    learning_rate: Positive = 1e-4
    learning_rate_decay: Positive = 1.0
    min_learning_rate: Positive = 1e-5
    max_gradient_norm: Positive | None = None
    discount: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    policy_entropy_coefficient: NotNegative = 0.05
    prediction_entropy_coefficient: NotNegative = 0.001
    policy_target_coefficient: NotNegative = 0.005
    prediction_target_coefficient: NotNegative = 0.001
    stagger: bool = True
    num_mini_batches: Count = 1
    num_episodes: Count = 16


def meta_gradient_from_config(
    life: Life, critic: Trainable, curriculum: Curriculum, score: Score, config: MetaGradientConfig
) -> Method:
    """`meta_gradient` with Adam and LPG's regulariser, as the config has them.

    Raises:
      ValueError: as `meta_gradient`.
    """
    # A rate that stays needs no count, and states without one can be read.
    stays = config.learning_rate_decay == 1
    optimiser = optax.adam(config.learning_rate if stays else learning_rates(config))
    if config.max_gradient_norm is not None:
        optimiser = optax.chain(optax.clip_by_global_norm(config.max_gradient_norm), optimiser)
    with _named("meta"):
        return meta_gradient(
            life,
            critic,
            curriculum,
            score,
            regulariser=weighted(
                policy_target_norm=config.policy_target_coefficient,
                prediction_target_norm=config.prediction_target_coefficient,
                policy_entropy=-config.policy_entropy_coefficient,
                prediction_entropy=-config.prediction_entropy_coefficient,
            ),
            optimiser=optimiser,
            num_agents=config.num_agents,
            num_updates=config.num_updates,
            discount=config.discount,
            gae_lambda=config.gae_lambda,
            stagger=config.stagger,
            num_mini_batches=config.num_mini_batches,
            num_episodes=config.num_episodes,
        )


def _has_one_mean(algorithm: type) -> bool:
    """Whether it needs no more than a population size and a mean: no sampler, no swarm of means."""
    parameters = inspect.signature(algorithm).parameters.values()
    required = {p.name for p in parameters if p.default is inspect.Parameter.empty}
    return required <= {"population_size", "solution"}


STRATEGIES: dict[str, type] = {
    name: algorithm
    for name, algorithm in distribution_based_algorithms.items()
    if _has_one_mean(algorithm)
}
"""evosax's distribution-based strategies with one mean, by evosax's names."""


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
    first_mean: Literal["initialised", "zero"] = "initialised"
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
    require_known("meta.strategy", config.strategy, STRATEGIES)
    require_known("meta.shaping", config.shaping, SHAPINGS)
    require_known("meta.first_mean", config.first_mean, ("initialised", "zero"))
    with _named("meta"):
        size = config.population_size
        _require(size >= 2 and size % 2 == 0, "population_size", size, "an even number, at least 2")
        for name in ("standard_deviation", "learning_rate", "learning_rate_decay"):
            _require(getattr(config, name) > 0, name, getattr(config, name), "above 0")
        mean = zeros_as(init)
        return evolve(
            init if config.first_mean == "initialised" else lambda key: zeros_as(init),
            sample_task,
            evaluate,
            make_strategy(
                config.strategy,
                mean,
                population_size=size,
                standard_deviation=config.standard_deviation,
                optimiser=optax.adam(learning_rates(config), b1=config.first_moment_decay),
            ),
            shaping=SHAPINGS[config.shaping],
            tasks_per_candidate=config.tasks_per_candidate,
            num_mini_batches=config.num_mini_batches,
            lifetime=lifetime,
        )


def zeros_as(init: Callable[[PRNGKeyArray], Parameters]) -> Parameters:
    """Zeros in the shapes of what `init` makes of a key."""
    return jax.tree.map(jnp.zeros_like, jax.eval_shape(init, jax.random.key(0)))


def learning_rates(config: MetaGradientConfig | EvolutionConfig) -> optax.Schedule:
    r"""The learning rate :math:`\alpha d^n` of each meta-step, no lower than the config's floor.

    A floor above :math:`\alpha` holds nothing up, and neither does one under a rate that does not
    fall, :math:`d \ge 1`.
    """
    # optax takes the floor for a ceiling where the factor is not below 1.
    falls = config.learning_rate_decay < 1
    return optax.exponential_decay(
        config.learning_rate,
        transition_steps=1,
        decay_rate=config.learning_rate_decay,
        end_value=min(config.min_learning_rate, config.learning_rate) if falls else None,
    )


def return_from_config(life: Life, config: EvolutionConfig) -> Evaluate:
    """The return of an agent's life that the config names.

    Raises:
      ValueError: if the name is unknown.
    """
    require_known("meta.fitness", config.fitness, ("final", "mean"))
    if config.fitness == "final":
        return final_return(life, config.num_episodes)
    return return_over_life(life)


SHAPINGS: dict[str, Callable[[Fitness], Fitness]] = {
    shaping.__name__: shaping for shaping in (pairwise, z_score, centred_rank, raw)
}
"""By name."""


def make_strategy(
    name: str,
    mean: Parameters,
    *,
    population_size: int,
    standard_deviation: float,
    optimiser: optax.GradientTransformation,
) -> Strategy:
    """The strategy of a name, `Open_ES` in bounded memory and any other from evosax.

    Args:
      name: one of `STRATEGIES`.
      mean: parameters of the shapes and types that evolve; their values don't matter.
      population_size: candidates in a generation, an even number.
      standard_deviation: of the first candidates about the mean, for strategies with such a scale.
      optimiser: of the mean, for strategies that estimate a gradient; it minimises. Those that
        recombine their best candidates have a step size of their own.

    Raises:
      ValueError: if evosax's strategy refuses the population size.
    """
    if name == "Open_ES":
        return open_es(
            population_size,
            standard_deviation=standard_deviation,
            optimiser=optimiser,
        )
    algorithm = STRATEGIES[name]
    arguments = inspect.signature(algorithm).parameters
    recombines = arguments["fitness_shaping_fn"].default is weights_fitness_shaping_fn
    # Values are shaped before the strategy is told, so all it has to add are its rank's weights.
    chosen = {"fitness_shaping_fn": rank_weights if recombines else identity_fitness_shaping_fn}
    if "optimizer" in arguments and not recombines:
        chosen["optimizer"] = optimiser
    if "std_schedule" in arguments:
        chosen["std_schedule"] = optax.constant_schedule(standard_deviation)
    try:
        strategy = algorithm(population_size=population_size, solution=mean, **chosen)
    except AssertionError as error:
        raise ValueError(
            f"population_size: {population_size} is not allowed; {name} says: {error}"
        ) from error
    return from_evosax(strategy, _options(name, strategy.default_params, standard_deviation))


def _options(name: str, default: Any, standard_deviation: float) -> Any:
    """A strategy's own parameters, with the initial scale that was asked for."""
    known = {field.name for field in fields(default)}
    # xNES draws with its scale and with a matrix that starts as the scale again.
    scale = standard_deviation**0.5 if name == "xNES" else standard_deviation
    chosen: dict[str, Any] = {
        option: jnp.asarray(scale) for option in ("std_init", "radius_max") if option in known
    }
    # Strategies for truncated inner problems: here every evaluation is a whole one.
    if {"T", "K"} <= known:
        chosen |= {"T": 1, "K": 1}
    return default.replace(**chosen)


def rank_weights(
    population: PyTree, costs: Float[Array, " member"], state: Any, options: Any
) -> Float[Array, " member"]:
    """The strategy's weight for each rank, where equal costs share the weights of their ranks.

    A cost that is no number is as high as any, and shares the last ranks.

    evosax gives all of them the middle rank's, so that weights no longer add up as they should;
    with values that take two levels, as pairwise ones do, that is every generation.
    """
    costs = jnp.where(jnp.isnan(costs), jnp.inf, costs)
    weights = options.weights[jnp.argsort(jnp.argsort(costs))]
    tied = costs[:, None] == costs
    return tied @ weights / tied.sum(axis=1)


@contextmanager
def _named(group: str) -> Iterator[None]:
    """Errors name the field of the config that they speak of."""
    try:
        yield
    except ValueError as error:
        raise ValueError(f"{group}.{error}") from error


def _require(holds: bool, name: str, value: Any, allowed: str) -> None:
    if not holds:
        raise ValueError(f"{name}: {value} is not allowed; it must be {allowed}")


def require_known(name: str, value: str, known: Iterable[str]) -> None:
    """Asks for a known name, offering the nearest one, however its letters are cased.

    Raises:
      ValueError: if it is unknown.
    """
    by_lower_case = {option.lower(): option for option in known}
    if value in by_lower_case.values():
        return
    alike = get_close_matches(value.lower(), by_lower_case, n=1, cutoff=0.4)
    hint = f" (did you mean '{by_lower_case[alike[0]]}'?)" if alike else ""
    options = ", ".join(by_lower_case.values())
    raise ValueError(f"{name}: '{value}' is unknown{hint}; known: {options}")
