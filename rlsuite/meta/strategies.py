"""Evolution strategies: candidates about a mean, what is told of them, and how that moves it."""

import inspect
from collections.abc import Callable
from dataclasses import fields
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from evosax.algorithms.distribution_based import distribution_based_algorithms
from evosax.core.fitness_shaping import identity_fitness_shaping_fn, weights_fitness_shaping_fn
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from rlsuite.advantages import normalise
from rlsuite.objectives.objective import Parameters

StrategyState = Any
Draw = Any
"""What the candidates of a generation are made from: all of them, or no more than a key."""


class Strategy(NamedTuple):
    """A distribution of candidates about a mean, as pure functions.

    Candidates come in pairs. A strategy with antithetic sampling puts the two mirror images of a
    perturbation, mean + σz and mean − σz, into one pair; with any other the two are independent.

    Attributes:
      init: `(key, mean) -> state`.
      ask: `(key, state, mean) -> (state, draw)`, a generation.
      pair: `(draw, mean, index) -> candidates`, the two of one pair: parameters whose leaves have
        a leading axis of 2.
      tell: `(key, state, mean, draw, values) -> (state, mean)`, where `values` [pair, 2] say how
        good the candidates are: more is better.
    """

    init: Callable[[PRNGKeyArray, Parameters], StrategyState]
    ask: Callable[[PRNGKeyArray, StrategyState, Parameters], tuple[StrategyState, Draw]]
    pair: Callable[[Draw, Parameters, Int[Array, ""]], Parameters]
    tell: Callable[
        [PRNGKeyArray, StrategyState, Parameters, Draw, Float[Array, "pair 2"]],
        tuple[StrategyState, Parameters],
    ]


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

ELITISTS = frozenset({"GradientlessDescent", "HillClimbing", "SimulatedAnnealing"})
"""Those whose mean is the best candidate they have seen, which only raw fitness can tell."""


def make_strategy(
    name: str,
    mean: Parameters,
    *,
    population_size: int,
    standard_deviation: float,
    learning_rate: optax.ScalarOrSchedule,
) -> Strategy:
    """The strategy of a name, `Open_ES` in bounded memory and any other from evosax.

    Args:
      name: one of `STRATEGIES`.
      mean: parameters of the shapes and types that evolve; their values don't matter.
      population_size: candidates in a generation, an even number.
      standard_deviation: of the first candidates about the mean, for strategies with such a scale.
      learning_rate: of Adam on the mean, for strategies that estimate a gradient. Those that
        recombine their best candidates have a step size of their own.

    Raises:
      ValueError: if evosax's strategy refuses the population size.
    """
    if name == "Open_ES":
        return open_es(
            population_size // 2,
            standard_deviation=standard_deviation,
            optimiser=optax.adam(learning_rate),
        )
    return _from_evosax(name, mean, population_size, standard_deviation, learning_rate)


def open_es(
    num_pairs: int, *, standard_deviation: float, optimiser: optax.GradientTransformation
) -> Strategy:
    r"""OpenAI's evolution strategy (Salimans et al., arXiv 1703.03864) with antithetic sampling.

    The mean :math:`\mu` ascends the gradient of the smoothed values
    :math:`E_z[v(\mu + \sigma z)]`, estimated from pairs as

    .. math::
        \frac{1}{2 n \sigma} \sum_{i=1}^n (v(\mu + \sigma z_i) - v(\mu - \sigma z_i)) z_i

    evosax's `Open_ES` computes the same from a population held in memory. Here every perturbation
    is made from the key of its pair when it is needed, in `pair` and once more in `tell`, so that
    memory follows the candidates in use, not the population. (The paper's workers, which exchange
    seeds in place of perturbations, do the same to save communication.)

    Args:
      num_pairs: pairs in a generation (n).
      standard_deviation: of candidates about the mean (σ).
      optimiser: turns the gradient into a step of the mean; it minimises.
    """

    def perturbation(key, pair, mean):
        flat, unravel = ravel_pytree(mean)
        return unravel(jax.random.normal(jax.random.fold_in(key, pair), flat.shape, flat.dtype))

    def candidates(key, mean, pair):
        def both(leaf, noise):
            step = standard_deviation * noise
            return jnp.stack([leaf + step, leaf - step])

        return jax.tree.map(both, mean, perturbation(key, pair, mean))

    def tell(key, state, mean, draw, values):
        del key
        weights = (values[:, 1] - values[:, 0]) / (2 * num_pairs * standard_deviation)

        def accumulate(gradient, pair_and_weight):
            pair, weight = pair_and_weight
            noise = perturbation(draw, pair, mean)
            return jax.tree.map(lambda g, z: g + weight * z, gradient, noise), None

        zeros = jax.tree.map(jnp.zeros_like, mean)
        gradient, _ = jax.lax.scan(accumulate, zeros, (jnp.arange(num_pairs), weights))
        updates, state = optimiser.update(gradient, state, mean)
        return state, optax.apply_updates(mean, updates)

    return Strategy(
        init=lambda key, mean: optimiser.init(mean),
        ask=lambda key, state, mean: (state, key),
        pair=candidates,
        tell=tell,
    )


def _from_evosax(
    name: str,
    mean: Parameters,
    population_size: int,
    standard_deviation: float,
    learning_rate: optax.ScalarOrSchedule,
) -> Strategy:
    """One of evosax's strategies, which hold their population in memory."""
    algorithm = STRATEGIES[name]
    arguments = inspect.signature(algorithm).parameters
    recombines = arguments["fitness_shaping_fn"].default is weights_fitness_shaping_fn
    # Values are shaped before the strategy is told, so all it has to add are its rank's weights.
    chosen = {"fitness_shaping_fn": rank_weights if recombines else identity_fitness_shaping_fn}
    if "optimizer" in arguments and not recombines:
        chosen["optimizer"] = optax.adam(learning_rate)
    if "std_schedule" in arguments:
        chosen["std_schedule"] = optax.constant_schedule(standard_deviation)
    try:
        strategy = algorithm(population_size=population_size, solution=mean, **chosen)
    except AssertionError as error:
        raise ValueError(
            f"meta.population_size: {population_size} is not allowed; {name} says: {error}"
        ) from error
    options = _options(name, strategy.default_params, standard_deviation)
    first, second = _pairs(name, population_size)

    def whole(state, mean):
        return state.replace(mean=ravel_pytree(mean)[0])

    def without_mean(state):
        return state.replace(mean=())

    def init(key, mean):
        return without_mean(strategy.init(key, mean, options))

    def ask(key, state, mean):
        population, state = strategy.ask(key, whole(state, mean), options)
        return without_mean(state), population

    def pair(population, mean, index):
        members = jnp.stack([first[index], second[index]])
        return jax.tree.map(lambda leaf: leaf[members], population)

    def tell(key, state, mean, population, values):
        costs = jnp.zeros(population_size)
        costs = costs.at[first].set(-values[:, 0]).at[second].set(-values[:, 1])
        state, _ = strategy.tell(key, population, costs, whole(state, mean), options)
        return without_mean(state), strategy.get_mean(state)

    return Strategy(init=init, ask=ask, pair=pair, tell=tell)


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


def _pairs(name: str, population_size: int) -> tuple[Int[Array, " pair"], Int[Array, " pair"]]:
    """Which members of evosax's population make a pair; with mirrored ones, the two images."""
    half = population_size // 2
    members = jnp.arange(population_size)
    if name == "ESMC":  # The mean twice, then the perturbations, then their images.
        members = jnp.concatenate(
            [members[:1], members[2 : half + 1], members[1:2], members[half + 1 :]]
        )
    return members[:half], members[half:]


def rank_weights(
    population: PyTree, costs: Float[Array, " member"], state: Any, options: Any
) -> Float[Array, " member"]:
    """The strategy's weight for each rank, where equal costs share the weights of their ranks.

    evosax gives all of them the middle rank's, so that weights no longer add up as they should;
    with values that take two levels, as pairwise ones do, that is every generation.
    """
    weights = options.weights[jnp.argsort(jnp.argsort(costs))]
    tied = costs[:, None] == costs
    return tied @ weights / tied.sum(axis=1)


Fitness = Float[Array, "pair 2"]
"""Fitness of a generation's candidates, or what is told of it; more is better, −∞ has failed."""


def pairwise(fitness: Fitness) -> Fitness:
    """1 for the better of a pair, 0 for the worse, 0.5 for both of a tie (arXiv 2402.05828).

    Both of a pair live on the same task, so that tasks need not be comparable.
    """
    other = fitness[:, ::-1]
    return jnp.where(fitness == other, 0.5, (fitness > other).astype(jnp.float32))


def z_score(fitness: Fitness) -> Fitness:
    """Mean zero and unit standard deviation over the population; zeros if all are the same."""
    return normalise(raw(fitness))


def centred_rank(fitness: Fitness) -> Fitness:
    """Ranks in the population scaled to [−0.5, 0.5], equal ones sharing theirs (arXiv 1703.03864).

    The mean is zero.
    """
    ranks = jax.scipy.stats.rankdata(fitness).reshape(fitness.shape)
    return (ranks - 1) / (fitness.size - 1) - 0.5


def raw(fitness: Fitness) -> Fitness:
    """Fitness as it is; a candidate that failed gets the worst of those that did not.

    For strategies that compare the candidates of one generation with those of another.
    """
    failed = jnp.isneginf(fitness)
    worst = jnp.min(fitness, where=~failed, initial=jnp.inf)
    return jnp.where(failed, jnp.where(failed.all(), 0.0, worst), fitness)


SHAPINGS: dict[str, Callable[[Fitness], Fitness]] = {
    "pairwise": pairwise,
    "z_score": z_score,
    "centred_rank": centred_rank,
    "raw": raw,
}
"""By name."""
