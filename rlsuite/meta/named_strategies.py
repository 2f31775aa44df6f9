"""Strategies of evolution by their names."""

import inspect
from dataclasses import fields
from typing import Any

import jax.numpy as jnp
import optax
from evosax.algorithms.distribution_based import distribution_based_algorithms
from evosax.core.fitness_shaping import identity_fitness_shaping_fn, weights_fitness_shaping_fn
from jaxtyping import Array, Float, PyTree

from rlsuite.meta.strategies import Strategy, from_evosax, open_es
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import named


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
      ValueError: if there is none of the name, or evosax's refuses the population size.
    """
    algorithm = named("strategy", name, STRATEGIES)
    if name == "Open_ES":
        return open_es(
            population_size,
            standard_deviation=standard_deviation,
            optimiser=optimiser,
        )
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
