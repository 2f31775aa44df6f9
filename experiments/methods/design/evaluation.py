"""The test of students: on mazes drawn by hand, on random ones, and on the worst of these."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Interval
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.agents import random_policy
from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.level_sets import HELD_OUT_SEED, take
from rlsuite.experiments.methods.design.risk import curve_over, even_edges, risk_curve
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.objectives.objective import Learner
from rlsuite.ranges import Count
from rlsuite.rollout import Level, Policy, episode_returns

_AT_ONCE = 64
_MOST_GROUPS = 10


@dataclass(frozen=True)
class StudentEvaluationConfig:
    """How students are tested.

    Attributes:
      num_levels: random levels that can be solved.
      num_attempts: at each level, with actions drawn from the policy; half of those at random
        levels say which are the worst, the other half how it does on these.
    """

    num_levels: Count = 1000
    num_attempts: Annotated[int, Interval(ge=2, le=10_000)] = 20


class _Levels(NamedTuple):
    """Levels with their names, and the best return on each where it is known."""

    name: str
    levels: Level
    strata: list[str]
    optimal: Float[np.ndarray, " level"] | None


_Returns = Mapping[Contender, Float[np.ndarray, "level attempt"]]


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Shares of attempts that are solved, beside a student that has not learned and mere chance."""
    world, settings = finished.named_world, finished.run.evaluation
    policies = _policies(finished, rivals)
    sets = [*_drawn(world), _random(world, settings.num_levels)]
    watch.expect(len(sets) * len(policies))
    found: dict[str, _Returns] = {}
    for levels in sets:
        returns = {}
        for who, policy in policies.items():
            done = watch.begin(f"{who.name} on {levels.name}")
            returns[who] = _attempts(world, levels.levels, policy, settings.num_attempts)
            done()
        found[levels.name] = returns
    tables = [_solved(levels, found[levels.name]) for levels in sets]
    tables += [_returned(levels, found[levels.name]) for levels in sets[:-1]]
    return Evaluation(
        contenders=list(policies),
        tables=tables,
        curves=_curves(world, sets[-1].levels, found[sets[-1].name]),
        notes=[*_notes(settings), *(_count(run) for run in (finished, *rivals))],
        extras={"solved": {name: _means(returns) for name, returns in found.items()}},
    )


def _policies(finished: Finished, rivals: Sequence[Finished]) -> dict[Contender, Policy]:
    world = finished.named_world.world
    runs = {Contender(finished.title, "own"): finished}
    runs |= {Contender(f"{one.title} ({one.directory})", "rival"): one for one in rivals}

    def acting(run: Finished, learner: Learner) -> Policy:
        return run.run.method.life_in(world).objective.behaviour(learner)

    policies = {who: acting(run, run.learned) for who, run in runs.items()}
    objective = finished.run.method.life_in(world).objective
    untrained = jit(objective.init, program="once")(jax.random.key(HELD_OUT_SEED))
    return {
        **policies,
        Contender("untrained student", "baseline"): acting(finished, untrained),
        Contender("random policy", "baseline"): random_policy(world),
    }


def _drawn(world: WorldSpec) -> list[_Levels]:
    """Mazes drawn by hand, if there are any."""
    if world.design is None or not world.design.drawn:
        return []
    names, levels = zip(*world.design.drawn.items(), strict=True)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
    return [_Levels("drawn mazes", stacked, list(names), _optimal(world, stacked))]


def _random(world: WorldSpec, number: int) -> _Levels:
    """The first random levels that can be solved; they are the same for all runs."""
    drawn = 4 * number
    keys = jax.random.split(jax.random.key(HELD_OUT_SEED), drawn)
    levels = jit(jax.vmap(world.sample_task), program="once")(keys).level
    solvable = np.ones(drawn, bool)
    if world.design is not None:
        solvable = np.asarray(jit(jax.vmap(world.design.is_solvable), program="once")(levels))
    levels = take(levels, np.flatnonzero(solvable)[:number])
    number = len(jax.tree.leaves(levels)[0])
    return _Levels("random mazes", levels, [world.name] * number, _optimal(world, levels))


def _optimal(world: WorldSpec, levels: Level) -> Float[np.ndarray, " level"] | None:
    if world.optimal_return is None:
        return None
    return np.asarray(jit(jax.vmap(world.optimal_return), program="once")(levels))


def _attempts(
    world: WorldSpec, levels: Level, policy: Policy, number: int
) -> Float[np.ndarray, "level attempt"]:
    """Returns of attempts at each level."""
    num_levels = len(jax.tree.leaves(levels)[0])

    def at_one(key: PRNGKeyArray, level: Level) -> Float[Array, " attempt"]:
        return episode_returns(key, world.world, level, policy, number)

    def at_all(keys, levels):
        batch = min(_AT_ONCE, num_levels)
        return jax.lax.map(lambda both: at_one(*both), (keys, levels), batch_size=batch)

    keys = jax.random.split(jax.random.key(HELD_OUT_SEED + 1), num_levels)
    return np.asarray(jit(at_all)(keys, levels))


def _solved(levels: _Levels, returns: _Returns) -> Table:
    """Shares of attempts with a positive return, in groups of attempts on mazes with a name."""
    named = len(set(levels.strata)) == len(levels.strata)

    def shares(found):
        groups = min(_MOST_GROUPS, found.shape[1]) if named else 1
        whole = found[:, : found.shape[1] // groups * groups] > 0
        return whole.reshape(len(found), groups, -1).mean(-1)

    results = {who.name: shares(found) for who, found in returns.items()}
    return Table(levels.name, "solve rate", results, levels.strata)


def _returned(levels: _Levels, returns: _Returns) -> Table:
    results = {who.name: found.mean(axis=1, keepdims=True) for who, found in returns.items()}
    name = f"{levels.name}, return"
    return Table(name, "return", results, levels.strata, optimal=levels.optimal)


def _curves(world: WorldSpec, levels: Level, returns: _Returns) -> list[Curves]:
    """Solve rates on the worst random levels, and over what can be measured of a level."""
    solved = {who.name: found > 0 for who, found in returns.items()}
    shown = {name: risk_curve(*_halves(found)) for name, found in solved.items()}
    title = "solve rate on the worst of random mazes"
    curves = [Curves(title, "share of the mazes, the worst of them (%)", "solve rate", shown)]
    measures = {} if world.design is None else world.design.measures
    for name, measure in measures.items():
        measured = np.asarray(jit(jax.vmap(measure), program="once")(levels), float)
        edges, what = even_edges(measured), name.replace("_", " ")
        lines = {who: curve_over(measured, of.mean(1), edges) for who, of in solved.items()}
        curves.append(Curves(f"solve rate over the {what}", what, "solve rate", lines))
    return curves


def _halves(solved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve rates by the first half of attempts, and by the second."""
    half = solved.shape[1] // 2
    return solved[:, :half].mean(axis=1), solved[:, half:].mean(axis=1)


def _means(returns: _Returns) -> dict[str, list[float]]:
    """Of each contender, the solve rate of each level."""
    return {who.name: (found > 0).mean(axis=1).tolist() for who, found in returns.items()}


def _notes(settings: StudentEvaluationConfig) -> list[str]:
    return [
        f"Each level was attempted {settings.num_attempts} times, with actions drawn from the "
        "policy; an attempt with a positive return has solved it.",
        "The worst of the random mazes are chosen by half of the attempts and measured by the "
        "other half; bands are over mazes that were not drawn.",
    ]


def _count(run: Finished) -> str:
    """How much a student has had, in the three ways in which methods are compared."""
    state, experiment, ppo = run.state, run.experiment, run.run.method.ppo
    steps, updates = run.state_step * experiment.world_steps_per_step, int(state.num_updates)
    gradients = updates * ppo.num_epochs * ppo.num_mini_batches
    return (
        f"{run.title} has taken {steps:,} steps of its worlds in {run.state_step:,} rollouts, and "
        f"learned from {updates:,} of these in {gradients:,} gradient steps."
    )
