"""Evolution strategies: candidates about a mean, what is told of them, and how that moves it."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.initialisers import one_at_a_time
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import require

Draw = Any
"""What the candidates of a generation are made from: all of them, or no more than a key."""


class StrategyState(NamedTuple):
    """The mean that candidates are drawn about, and all else that a strategy keeps."""

    mean: Parameters
    memory: Any


class Strategy(NamedTuple):
    """A distribution of candidates about a mean, as pure functions.

    Candidates 2i and 2i + 1 are a pair. A strategy with antithetic sampling puts the two mirror
    images of a perturbation there, mean + σz and mean − σz.

    Attributes:
      population_size: candidates in a generation.
      init: `(key, mean) -> state`.
      ask: `(key, state) -> (state, draw)`, a generation.
      candidate: `(draw, index) -> parameters`.
      tell: `(key, state, draw, values) -> state`, where `values` [candidate] say how good the
        candidates are: more is better.
      compares_generations: whether it keeps the best candidate that it has seen, so that values
        must be raw fitness.
    """

    population_size: int
    init: Callable[[PRNGKeyArray, Parameters], StrategyState]
    ask: Callable[[PRNGKeyArray, StrategyState], tuple[StrategyState, Draw]]
    candidate: Callable[[Draw, Int[Array, ""]], Parameters]
    tell: Callable[[PRNGKeyArray, StrategyState, Draw, Float[Array, " candidate"]], StrategyState]
    compares_generations: bool = False


class Perturbations(NamedTuple):
    """A generation in as much memory as its mean: each pair's perturbation has a key."""

    key: PRNGKeyArray
    mean: Parameters


def open_es(
    population_size: int, *, standard_deviation: float, optimiser: optax.GradientTransformation
) -> Strategy:
    r"""OpenAI's evolution strategy (Salimans et al., arXiv 1703.03864) with antithetic sampling.

    The mean :math:`\mu` ascends the gradient of the smoothed values
    :math:`E_z[v(\mu + \sigma z)]`, estimated from pairs as

    .. math::
        \frac{1}{2 n \sigma} \sum_{i=1}^n (v(\mu + \sigma z_i) - v(\mu - \sigma z_i)) z_i

    evosax's `Open_ES` computes the same from a population held in memory. Here every perturbation
    is made from the key of its pair where it is needed, in `candidate` and again in `tell`, so that
    memory follows the candidates in use, not the population. (The paper's workers, which exchange
    seeds in place of perturbations, do the same to save communication.)

    Args:
      population_size: candidates in a generation (2n), an even number.
      standard_deviation: of candidates about the mean (σ).
      optimiser: turns the gradient into a step of the mean; it minimises.

    Raises:
      ValueError: if the population is not made of pairs.
    """
    if population_size < 2 or population_size % 2:
        raise ValueError(
            f"population_size: {population_size} is not allowed; it must be an even number, "
            "at least 2"
        )
    num_pairs = population_size // 2

    def perturbation(draw, pair):
        flat, unravel = ravel_pytree(draw.mean)
        key = jax.random.fold_in(draw.key, pair)
        return unravel(jax.random.normal(key, flat.shape, flat.dtype))

    def candidate(draw, index):
        step = jnp.where(index % 2 == 0, standard_deviation, -standard_deviation)
        noise = perturbation(draw, index // 2)
        return jax.tree.map(lambda leaf, z: leaf + step * z, draw.mean, noise)

    def tell(key, state, draw, values):
        del key
        weights = (values[1::2] - values[::2]) / (2 * num_pairs * standard_deviation)

        def accumulate(gradient, pair_and_weight):
            pair, weight = pair_and_weight
            noise = perturbation(draw, pair)
            return jax.tree.map(lambda g, z: g + weight * z, gradient, noise), None

        zeros = jax.tree.map(jnp.zeros_like, state.mean)
        gradient, _ = jax.lax.scan(accumulate, zeros, (jnp.arange(num_pairs), weights))
        updates, memory = optimiser.update(gradient, state.memory, state.mean)
        return StrategyState(optax.apply_updates(state.mean, updates), memory)

    return Strategy(
        population_size=population_size,
        init=lambda key, mean: StrategyState(mean, optimiser.init(mean)),
        ask=lambda key, state: (state, Perturbations(key, state.mean)),
        candidate=candidate,
        tell=tell,
    )


def from_evosax(algorithm: Any, params: Any = None) -> Strategy:
    """Any of evosax's distribution-based strategies with one mean; they hold their population.

    What the algorithm does to fitness itself comes after the `shaping` of `evolve`; with
    `identity_fitness_shaping_fn` it does nothing.

    Args:
      algorithm: for example `evosax.algorithms.PGPE(population_size=…, solution=…)`.
      params: evosax's parameters of it, its defaults if none.

    Raises:
      ValueError: if the algorithm has no mean.
    """
    name, size = type(algorithm).__name__, algorithm.population_size
    require(
        hasattr(algorithm, "get_mean"), "algorithm", name, "one of evosax's with a mean of its own"
    )
    params = algorithm.default_params if params is None else params
    order = _pairs(name, size)

    # Some of them decompose their covariance.
    ask_one, tell_one = one_at_a_time(algorithm.ask), one_at_a_time(algorithm.tell)

    def whole(state):
        return state.memory.replace(mean=ravel_pytree(state.mean)[0])

    def init(key, mean):
        return StrategyState(mean, algorithm.init(key, mean, params).replace(mean=()))

    def ask(key, state):
        population, memory = ask_one(key, whole(state), params)
        return state._replace(memory=memory.replace(mean=())), population

    def candidate(population, index):
        return jax.tree.map(lambda leaf: leaf[order[index]], population)

    def tell(key, state, population, values):
        costs = jnp.zeros(size).at[order].set(-values)
        after, _ = tell_one(key, population, costs, whole(state), params)
        return StrategyState(algorithm.get_mean(after), after.replace(mean=()))

    return Strategy(size, init, ask, candidate, tell, compares_generations=name in ELITISTS)


ELITISTS = frozenset({"GradientlessDescent", "HillClimbing", "SimulatedAnnealing"})
"""Those whose mean is the best candidate they have seen, which only raw fitness can tell."""


def _pairs(name: str, population_size: int) -> Int[Array, " candidate"]:
    """Members of evosax's population pair by pair; with mirrored ones, the two images."""
    members, half = jnp.arange(population_size), population_size // 2
    if population_size % 2:
        return members
    if name == "ESMC":  # The mean twice, then the perturbations, then their images.
        members = jnp.concatenate(
            [members[:1], members[2 : half + 1], members[1:2], members[half + 1 :]]
        )
    return members.reshape(2, half).T.reshape(-1)
