"""Learning an objective by evolution: what agents become in whole lives judges candidates."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.sharding import AxisType, Mesh, PartitionSpec
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from rlsuite.curricula.curriculum import SampleTask
from rlsuite.lifetime import Life, Task
from rlsuite.meta.strategies import (
    ELITISTS,
    SHAPINGS,
    STRATEGIES,
    Draw,
    Strategy,
    StrategyState,
    make_strategy,
)
from rlsuite.method import Method, Metrics
from rlsuite.objectives.objective import Parameters
from rlsuite.ranges import Count, Positive


@dataclass(frozen=True)
class EvolutionConfig:
    """Hyperparameters of evolution; the defaults are those of arXiv 2402.05828.

    Attributes:
      strategy: `Open_ES`, or any other distribution-based strategy of evosax with one mean.
      population_size: candidates in a generation, an even number.
      standard_deviation: of the first candidates about the mean (σ), for strategies with such a
        scale; `Open_ES` keeps it.
      learning_rate: of Adam on the mean at first, for strategies that estimate a gradient; those
        that recombine their best candidates (`CMA_ES`, `SNES`, …) step as they define it.
      learning_rate_decay: factor of the learning rate from one generation to the next.
      min_learning_rate: the learning rate decays no further.
      shaping: what the strategy is told of fitness: `pairwise`, `z_score`, `centred_rank` or `raw`.
        Strategies that keep the best candidate they have seen (`HillClimbing`, …) need `raw`.
      fitness: return of the agent at the end of its life (`final`), or over its life (`mean`).
      tasks_per_candidate: lives that a candidate's fitness is the mean of.
      num_mini_batches: lives are lived in this many groups, one after the other, to save memory.
      num_episodes: episodes behind the return of an agent at the end of its life.
    """

    strategy: str = "Open_ES"
    population_size: Count = 1024
    standard_deviation: Positive = 0.1
    learning_rate: Positive = 1e-2
    learning_rate_decay: Positive = 0.999
    min_learning_rate: Positive = 1e-5
    shaping: Literal["pairwise", "z_score", "centred_rank", "raw"] = "pairwise"
    fitness: Literal["final", "mean"] = "final"
    tasks_per_candidate: Count = 1
    num_mini_batches: Count = 1
    num_episodes: Count = 64


class EvolutionState(NamedTuple):
    """Everything that changes. `parameters` is the mean that candidates are drawn about."""

    key: PRNGKeyArray
    parameters: Parameters
    strategy: StrategyState


class Trial(NamedTuple):
    """What both candidates of a pair are put to. Same task, same key: the difference is theirs."""

    pair: Int[Array, ""]
    key: PRNGKeyArray
    task: PyTree


def evolve_objective(
    life: Life, sample_task: SampleTask, config: EvolutionConfig, *, mesh: Mesh | None = None
) -> Method:
    """Evolves an objective's parameters over whole lifetimes (arXiv 2402.05828, section 4).

    A candidate trains an agent from scratch for the whole lifetime of its task. Its fitness is the
    trained agent's mean return over fresh episodes, or that over its life. Lives of similar
    lengths are lived together, so that few updates are computed for agents whose life is over.

    Args:
      life: how agents live, with the objective to be learned.
      sample_task: `key -> Task`, the training distribution.
      config: hyperparameters.
      mesh: devices to share the lives among, as in `evolve`.

    Returns:
      A method whose state is an `EvolutionState`, and whose step is a generation.

    Raises:
      ValueError: as `evolve`, or if `config.fitness` is unknown.
    """
    require_known("meta.fitness", config.fitness, RETURNS)

    def fitness(key, parameters, task):
        return RETURNS[config.fitness](key, life, parameters, task, config.num_episodes)

    return evolve(
        life.objective.init_parameters,
        lambda key: Task(*sample_task(key)),
        fitness,
        config,
        lifetime=lambda task: task.lifetime,
        mesh=mesh,
    )


def _final_return(key, life, parameters, task, num_episodes):
    life_key, return_key = jax.random.split(key)
    agent = life.whole(life_key, parameters, task)
    return life.mean_return(return_key, agent, num_episodes)


def _mean_return(key, life, parameters, task, num_episodes):
    del num_episodes
    return life.whole_with_return(key, parameters, task)[1]


RETURNS: dict[str, Callable[..., Float[Array, ""]]] = {
    "final": _final_return,
    "mean": _mean_return,
}
"""`(key, life, parameters, task, num_episodes) -> return`, by the name of a fitness."""


def evolve(
    init_parameters: Callable[[PRNGKeyArray], Parameters],
    sample_task: Callable[[PRNGKeyArray], Any],
    fitness: Callable[[PRNGKeyArray, Parameters, Any], Float[Array, ""]],
    config: EvolutionConfig,
    *,
    lifetime: Callable[[Any], Int[Array, ""]] | None = None,
    mesh: Mesh | None = None,
) -> Method:
    """Evolves any parameters by any fitness, with antithetic task sampling (arXiv 2402.05828).

    The population is made of pairs; with `Open_ES` and the other antithetic strategies mean + σz
    and mean − σz, with the rest two independent candidates. Both of a pair see the same tasks and
    the same keys; other pairs see others. A candidate whose fitness is not finite counts as worse
    than all others.

    Memory follows the candidates of one mini-batch and what their evaluation needs; strategies
    other than `Open_ES` also hold the whole population, several times over while they are told.

    Args:
      init_parameters: `key -> parameters`, the first mean: arrays of floats.
      sample_task: `key -> task`, any pytree.
      fitness: `(key, parameters, task) -> number`, more is better.
      config: hyperparameters.
      lifetime: `task -> number`, how long its evaluation takes. Trials are then sorted by it, so
        that in each mini-batch they are alike; the fitness does not depend on it.
      mesh: devices to share the evaluations among, with an axis named "population". Every device
        lives through its part of all mini-batches without waiting for the others. The state must
        not be tied to one device: leave it where `init` puts it, or replicate it over the mesh.

    Returns:
      A method whose state is an `EvolutionState`, and whose step is a generation.

    Raises:
      ValueError: if a name is unknown, the population odd, or the trials can't be divided among
        mini-batches and devices.
    """
    _validate(config, mesh)
    num_pairs, num_tasks = config.population_size // 2, config.tasks_per_candidate
    mean = jax.tree.map(jnp.zeros_like, jax.eval_shape(init_parameters, jax.random.key(0)))
    strategy = make_strategy(
        config.strategy,
        mean,
        population_size=config.population_size,
        standard_deviation=config.standard_deviation,
        learning_rate=optax.exponential_decay(
            config.learning_rate,
            transition_steps=1,
            decay_rate=config.learning_rate_decay,
            end_value=config.min_learning_rate,
        ),
    )
    judge = _judge(strategy, fitness, mesh)

    def draw_trials(key):
        task_key, trial_key = jax.random.split(key)
        num_trials = num_pairs * num_tasks
        return Trial(
            pair=jnp.arange(num_trials) // num_tasks,
            key=jax.random.split(trial_key, num_trials),
            task=jax.vmap(sample_task)(jax.random.split(task_key, num_trials)),
        )

    def evaluate(key, draw, mean):
        """Fitness [pair, 2] of a generation, −∞ for candidates that failed."""
        trials = draw_trials(key)
        order, metrics = jnp.arange(trials.pair.size), {}
        if lifetime is not None:
            lifetimes = jax.vmap(lifetime)(trials.task)
            order = jnp.argsort(lifetimes)
            metrics = _lifetime_metrics(lifetimes[order].reshape(config.num_mini_batches, -1))
        batches = jax.tree.map(
            lambda leaf: leaf[order].reshape(config.num_mini_batches, -1, *leaf.shape[1:]), trials
        )
        outcomes = judge(draw, mean, batches).reshape(-1, 2)
        outcomes = jnp.zeros_like(outcomes).at[order].set(outcomes)
        fitness = outcomes.reshape(num_pairs, num_tasks, 2).mean(axis=1)
        return jnp.where(jnp.isfinite(fitness), fitness, -jnp.inf), metrics

    def init(key):
        key, parameter_key, strategy_key = jax.random.split(key, 3)
        parameters = init_parameters(parameter_key)
        return EvolutionState(key, parameters, strategy.init(strategy_key, parameters))

    def step(state):
        key, ask_key, trial_key, tell_key = jax.random.split(state.key, 4)
        strategy_state, draw = strategy.ask(ask_key, state.strategy, state.parameters)
        fitness, metrics = evaluate(trial_key, draw, state.parameters)
        strategy_state, parameters = strategy.tell(
            tell_key, strategy_state, state.parameters, draw, SHAPINGS[config.shaping](fitness)
        )
        change = jax.tree.map(jnp.subtract, parameters, state.parameters)
        metrics |= {**_fitness_metrics(fitness), "update_norm": optax.tree.norm(change)}
        return EvolutionState(key, parameters, strategy_state), metrics

    return Method(init=init, step=step)


def _judge(
    strategy: Strategy, fitness: Callable, mesh: Mesh | None
) -> Callable[[Draw, Parameters, Trial], Float[Array, "batch trial 2"]]:
    """Evaluates trials [batch, trial], one batch after the other."""

    def judge_pair(draw, mean, trial):
        candidates = strategy.pair(draw, mean, trial.pair)
        return jax.vmap(fitness, in_axes=(None, 0, None))(trial.key, candidates, trial.task)

    def judge(draw, mean, batches):
        return jax.lax.map(jax.vmap(partial(judge_pair, draw, mean)), batches)

    if mesh is None:
        return judge
    # Each device runs its lives' loops by itself. Under automatic partitioning a loop that ends
    # with its longest life would have the devices agree on that in every iteration.
    everywhere, divided = PartitionSpec(), PartitionSpec(None, "population")
    return jax.shard_map(
        judge,
        mesh=_automatic(mesh),
        in_specs=(everywhere, everywhere, divided),
        out_specs=divided,
        check_vma=False,
    )


def _automatic(mesh: Mesh) -> Mesh:
    """The mesh with axes whose shardings are inferred, whichever way it was made.

    `jax.make_mesh` gives explicit ones, over which arguments must lie before they are mapped.
    """
    axis_types = (AxisType.Auto,) * len(mesh.axis_names)
    return Mesh(mesh.devices, mesh.axis_names, axis_types=axis_types)


def _fitness_metrics(fitness: Float[Array, "pair 2"]) -> Metrics:
    """Statistics of the candidates that did not fail, NaN if all did."""
    failed = jnp.isneginf(fitness)
    finite = jnp.where(failed, jnp.nan, fitness)
    return {
        "fitness": jnp.nanmean(finite),
        "fitness_max": jnp.nanmax(finite),
        "fitness_min": jnp.nanmin(finite),
        "fitness_deviation": jnp.nanstd(finite),
        "tied_pairs": (fitness[:, 0] == fitness[:, 1]).mean(),
        "failed_candidates": failed.sum().astype(jnp.float32),
    }


def _lifetime_metrics(lifetimes: Int[Array, "batch trial"]) -> Metrics:
    """The mean lifetime, and the share of updates that are computed for lives that are over."""
    computed = lifetimes.max(axis=1).mean()
    return {"lifetime": lifetimes.mean(), "idle_updates": 1 - lifetimes.mean() / computed}


def _validate(config: EvolutionConfig, mesh: Mesh | None) -> None:
    require_known("meta.strategy", config.strategy, STRATEGIES)
    require_known("meta.shaping", config.shaping, SHAPINGS)
    comparable = config.strategy not in ELITISTS or config.shaping == "raw"
    _require(comparable, "shaping", config.shaping, f"raw for {config.strategy}")
    size = config.population_size
    _require(size >= 2 and size % 2 == 0, "population_size", size, "an even number, at least 2")
    for name in ("standard_deviation", "learning_rate", "learning_rate_decay"):
        _require(getattr(config, name) > 0, name, getattr(config, name), "above 0")
    tasks, batches = config.tasks_per_candidate, config.num_mini_batches
    _require(tasks >= 1, "tasks_per_candidate", tasks, "at least 1")
    num_trials = size // 2 * tasks
    _require(
        batches >= 1 and num_trials % batches == 0,
        "num_mini_batches",
        batches,
        f"a divisor of {num_trials}, the pairs of candidates times the tasks of each",
    )
    if mesh is None:
        return
    _require("population" in mesh.shape, "mesh", mesh, "one with an axis named 'population'")
    devices, per_batch = mesh.shape["population"], num_trials // batches
    _require(
        per_batch % devices == 0,
        "num_mini_batches",
        batches,
        f"such that {devices} devices can share the {per_batch} trials of each equally",
    )


def _require(holds: bool, name: str, value: Any, allowed: str) -> None:
    if not holds:
        raise ValueError(f"meta.{name}: {value} is not allowed; it must be {allowed}")


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
