"""Learning any parameters by evolution; objectives by what agents become in whole lives."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray, PyTree

from rlsuite.lifetime import Life
from rlsuite.meta.shaping import Fitness, failed_last, pairwise, raw
from rlsuite.meta.strategies import Draw, Strategy, StrategyState
from rlsuite.method import Method, Metrics, single_precision
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import require, require_counts
from rlsuite.sharding import apart


class EvolutionState(NamedTuple):
    """Everything that changes."""

    key: PRNGKeyArray
    strategy: StrategyState

    @property
    def parameters(self) -> Parameters:
        """The mean that candidates are drawn about."""
        return self.strategy.mean


class Trial(NamedTuple):
    """What a group of candidates is put to. Same task, same key: the difference is theirs."""

    group: Int[Array, ""]
    key: PRNGKeyArray
    task: PyTree


Evaluate = Callable[[PRNGKeyArray, Parameters, Any], Float[Array, ""]]
"""`(key, parameters, task) -> fitness` of one candidate; more is better."""

Lifetime = Callable[[Any], Int[Array, ""]]
"""`task -> number`, how long an evaluation on it takes."""


def final_return(life: Life, num_episodes: int) -> Evaluate:
    """The return of an agent at the end of its life, a mean over fresh episodes."""

    def evaluate(key, parameters, task):
        life_key, return_key = jax.random.split(key)
        agent = life.whole(life_key, parameters, task)
        return life.mean_return(return_key, agent, num_episodes)

    return evaluate


def return_over_life(life: Life) -> Evaluate:
    """The mean return of an agent over its life, as `Life.whole_with_return` has it."""
    return lambda key, parameters, task: life.whole_with_return(key, parameters, task)[1]


def evolve(
    init: Callable[[PRNGKeyArray], Parameters],
    sample_task: Callable[[PRNGKeyArray], Any],
    evaluate: Evaluate,
    strategy: Strategy,
    *,
    shaping: Callable[[Fitness], Fitness] = pairwise,
    candidates_per_task: int = 2,
    tasks_per_candidate: int = 1,
    num_mini_batches: int = 1,
    lifetime: Lifetime | None = None,
) -> Method:
    """Evolves any parameters by any fitness.

    As many candidates as share a task, neighbours in the population, see the same tasks and the
    same keys; others see others. By default these are pairs (antithetic task sampling, arXiv
    2402.05828), which `open_es` and other antithetic strategies make of mirror images. A candidate
    whose fitness is not finite counts as worse than all others; a generation of which all have
    failed changes nothing.

    Under a mesh with an axis `agents` the lives are divided among its devices, which live through
    their parts of all mini-batches without waiting for the others (`rlsuite.sharding`).

    Memory follows the candidates of one mini-batch and what their evaluation needs; strategies
    other than `open_es` also hold the whole population, several times over while they are told.

    Args:
      init: `key -> parameters`, the first mean: arrays of floats.
      sample_task: `key -> task`, any pytree.
      evaluate: `(key, parameters, task) -> fitness`, more is better.
      strategy: draws candidates about the mean, and moves it.
      shaping: from the fitness of all candidates to what the strategy is told.
      candidates_per_task: candidates that are put to the same tasks with the same keys.
      tasks_per_candidate: evaluations that a candidate's fitness is the mean of.
      num_mini_batches: evaluations are made in this many groups, one after the other, to save
        memory.
      lifetime: `task -> number`, how long its evaluation takes. Trials are then sorted by it, so
        that in each mini-batch they are alike; the fitness does not depend on it.

    Returns:
      A method whose state is an `EvolutionState`, and whose step is a generation.

    Raises:
      ValueError: if the strategy is none, or needs raw fitness, or the population can't be divided
        among tasks and mini-batches.
    """
    _validate(strategy, shaping, candidates_per_task, tasks_per_candidate, num_mini_batches)
    num_groups, num_tasks = strategy.population_size // candidates_per_task, tasks_per_candidate
    judge = _judge(strategy, evaluate, candidates_per_task)

    def draw_trials(key):
        task_key, trial_key = jax.random.split(key)
        num_trials = num_groups * num_tasks
        return Trial(
            group=jnp.arange(num_trials) // num_tasks,
            key=jax.random.split(trial_key, num_trials),
            task=jax.vmap(sample_task)(jax.random.split(task_key, num_trials)),
        )

    def judge_all(key, draw):
        """Fitness [candidate] of a generation, −∞ for those that failed."""
        trials = draw_trials(key)
        order, metrics = jnp.arange(trials.group.size), {}
        if lifetime is not None:
            lifetimes = jax.vmap(lifetime)(trials.task)
            order = jnp.argsort(lifetimes)
            metrics = _lifetime_metrics(lifetimes[order].reshape(num_mini_batches, -1))
        batches = jax.tree.map(
            lambda leaf: leaf[order].reshape(num_mini_batches, -1, *leaf.shape[1:]), trials
        )
        outcomes = judge(draw, batches).reshape(-1, candidates_per_task)
        outcomes = jnp.zeros_like(outcomes).at[order].set(outcomes)
        fitness = outcomes.reshape(num_groups, num_tasks, -1).mean(axis=1).reshape(-1)
        return failed_last(fitness), metrics

    def init_state(key):
        key, parameter_key, strategy_key = jax.random.split(key, 3)
        return EvolutionState(key, strategy.init(strategy_key, init(parameter_key)))

    def step(state):
        key, ask_key, trial_key, tell_key = jax.random.split(state.key, 4)
        asked, draw = strategy.ask(ask_key, state.strategy)
        fitness, metrics = judge_all(trial_key, draw)
        told = strategy.tell(tell_key, asked, draw, shaping(fitness))
        # Momentum would move the mean even where nothing at all was found out.
        told = jax.tree.map(partial(jnp.where, jnp.isneginf(fitness).all()), state.strategy, told)
        change = jax.tree.map(jnp.subtract, told.mean, state.parameters)
        metrics |= {**_fitness_metrics(fitness), "update_norm": optax.tree.norm(change)}
        return EvolutionState(key, told), metrics

    return single_precision(Method(init=init_state, step=step))


def _judge(
    strategy: Strategy, evaluate: Evaluate, group_size: int
) -> Callable[[Draw, Trial], Float[Array, "batch trial group"]]:
    """Evaluates trials [batch, trial], one batch after the other."""

    def judge_group(draw, trial):
        members = trial.group * group_size + jnp.arange(group_size)
        candidates = jax.vmap(strategy.candidate, in_axes=(None, 0))(draw, members)
        return jax.vmap(evaluate, in_axes=(None, 0, None))(trial.key, candidates, trial.task)

    def judge(draw, batches):
        return jax.lax.map(jax.vmap(partial(judge_group, draw)), batches)

    return apart(judge, (None, 1), 1)


def _fitness_metrics(fitness: Fitness) -> Metrics:
    """Statistics of the candidates that did not fail, NaN if all did, and of how many did.

    `tied_pairs` is the share of pairs without a winner: of all pairs, those that have failed
    together among them. `saturated_fitness` is the share of candidates that are as good as the best
    of their generation: 1 where all are equal, be it that none is any good or that all are as good
    as their world allows, and 1 / population where one stands out.
    """
    failed = jnp.isneginf(fitness)
    finite = jnp.where(failed, jnp.nan, fitness)
    best = jnp.nanmax(finite)
    num_pairs = fitness.size // 2
    pairs = fitness[: 2 * num_pairs].reshape(num_pairs, 2)
    return {
        "fitness": jnp.nanmean(finite),
        "fitness_max": best,
        "fitness_min": jnp.nanmin(finite),
        "fitness_deviation": jnp.nanstd(finite),
        "tied_pairs": (pairs[:, 0] == pairs[:, 1]).mean(),
        "saturated_fitness": jnp.where(failed.all(), jnp.nan, (finite == best).mean()),
        "failed_candidates": failed.sum().astype(jnp.float32),
    }


def _lifetime_metrics(lifetimes: Int[Array, "batch trial"]) -> Metrics:
    """The mean lifetime, and the share of updates that are computed for lives that are over."""
    mean, computed = lifetimes.mean(), lifetimes.max(axis=1).mean()
    idle = 1 - mean / jnp.where(computed > 0, computed, 1.0)
    return {"lifetime": mean, "idle_updates": jnp.where(computed > 0, idle, 0.0)}


def _validate(
    strategy: Strategy,
    shaping: Callable[[Fitness], Fitness],
    candidates_per_task: int,
    tasks_per_candidate: int,
    num_mini_batches: int,
) -> None:
    kind = type(strategy).__name__
    require(isinstance(strategy, Strategy), "strategy", kind, "a Strategy, as from_evosax makes it")
    name = getattr(shaping, "__name__", repr(shaping))
    allowed = "raw for a strategy that compares candidates of different generations"
    require(not strategy.compares_generations or shaping is raw, "shaping", name, allowed)
    size = strategy.population_size
    require(
        candidates_per_task >= 1 and size % candidates_per_task == 0,
        "candidates_per_task",
        candidates_per_task,
        f"a divisor of the {size} candidates",
    )
    require(
        shaping is not pairwise or size % 2 == 0, "shaping", name, "another one: there is no pair"
    )
    require_counts(tasks_per_candidate=tasks_per_candidate)
    num_trials = size // candidates_per_task * tasks_per_candidate
    require(
        num_mini_batches >= 1 and num_trials % num_mini_batches == 0,
        "num_mini_batches",
        num_mini_batches,
        f"a divisor of {num_trials}, the groups of candidates times the tasks of each",
    )
