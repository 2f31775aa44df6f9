"""The test of students: on levels drawn by hand, random ones, the worst of these, and on kinds.

Kinds are levels that an algorithm draws in worlds of their own size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from annotated_types import Interval
from jaxtyping import Float

from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table
from rlsuite.experiments.field_values import File
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.design.attempts import (
    attempts_at,
    contenders_of,
    life_of,
    together,
)
from rlsuite.experiments.methods.design.drawn import levels_drawn, read_drawings
from rlsuite.experiments.methods.design.kinds import kinds_named, try_kinds
from rlsuite.experiments.methods.design.names import SetNames, names_of
from rlsuite.experiments.methods.design.random_levels import random_levels, shortfall
from rlsuite.experiments.methods.design.risk import (
    curve_over,
    even_edges,
    rates_of_groups,
    risk_curve,
)
from rlsuite.experiments.methods.design.scored import scores_beside_rates
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.ranges import Count
from rlsuite.rollout import Level, Levels, reset_worlds, step_worlds
from rlsuite.watching import unwatched

_MOST_GROUPS = 10


@dataclass(frozen=True)
class StudentEvaluationConfig:
    """How students are tested.

    Attributes:
      num_levels: random levels that can be solved, of four times as many that are drawn.
      num_attempts: at each level, with actions drawn from the policy; half of those at random
        levels say which are the worst, the other half how it does on these.
      num_scored: random levels whose scores are set beside how often they are solved, at each
        checkpoint that is kept; none leaves it out.
      mazes: a TOML file of drawings by name, of levels to test on in place of the world's own.
      kinds: levels to test on besides, which an algorithm draws in worlds of their own size.
      num_of_a_kind: of each of them, with one attempt each.
    """

    num_levels: Count = 1000
    num_attempts: Annotated[int, Interval(ge=2, le=10_000)] = 20
    num_scored: Annotated[int, Interval(ge=2, le=10**6)] | None = None
    mazes: File | None = None
    kinds: tuple[str, ...] = ()
    num_of_a_kind: Count = 100


class _Levels(NamedTuple):
    """Levels, the names of all or that of where they are from, and best returns where known."""

    name: str
    levels: Level
    strata: list[str]
    optimal: Float[np.ndarray, " level"] | None
    is_named: bool = True


_Returns = Mapping[Contender, Float[np.ndarray, "level attempt"]]


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Shares of attempts that are solved, beside a student that has not learned and mere chance.

    Levels are those drawn by hand, random ones, and as many as are asked for of each kind. What is
    refused here was allowed when the run was planned, by an older version or another file.

    Raises:
      ConfigError: if there is no such kind, the file of drawings has none that can be solved, or no
        random level can be.
    """
    world, settings = finished.named_world, finished.run.evaluation
    names = names_of(world.design)
    drawings = None if settings.mazes is None else read_drawings(settings.mazes)
    sets = [*_drawn(world, drawings), _random(world, settings.num_levels)]
    kinds = kinds_named(world, settings.kinds)
    contenders = contenders_of(finished, rivals)
    watch.expect(len(contenders) + len(kinds))
    every, sizes = together([one.levels for one in sets]), [len(one.strata) for one in sets]
    attempts, found = attempts_at(world.world, settings.num_attempts), {}
    for who, attempt in contenders.items():
        done = watch.begin(f"attempts of {who.name}")
        found[who] = np.split(attempts(attempt, every), np.cumsum(sizes)[:-1])
        done()
    of_set = [{who: returns[index] for who, returns in found.items()} for index in range(len(sets))]
    tables = [_solved(*both) for both in zip(sets, of_set, strict=True)]
    tables += [_returned(*both) for both in zip(sets[:-1], of_set[:-1], strict=True)]
    solved = {one.name: _means(of) for one, of in zip(sets, of_set, strict=True)}
    if kinds:
        of_kinds = try_kinds(kinds, contenders, settings.num_of_a_kind, watch)
        named = _Levels(names.of_a_kind, (), list(kinds), of_kinds.optimal)
        tables += [_solved(named, of_kinds.returns), _returned(named, of_kinds.returns)]
        solved[names.of_a_kind] = _means(of_kinds.returns)
    # Runs of one setting have had the same.
    counts = dict.fromkeys(_count(run) for run in (finished, *rivals))
    return Evaluation(
        contenders=list(contenders),
        tables=tables,
        curves=_curves(world, sets[-1].levels, of_set[-1]),
        notes=[*_notes(settings, names, len(sets[-1].strata)), *counts],
        extras=({} if drawings is None else {"drawings": drawings})
        | _paths(finished, sets[:-1])
        | _scores(finished)
        | {"num_attempts": settings.num_attempts, "num_of_a_kind": settings.num_of_a_kind}
        | {"solved": solved},
    )


def _drawn(world: WorldSpec, drawings: Mapping[str, str] | None) -> list[_Levels]:
    """Levels drawn by hand, if there are any."""
    drawn = levels_drawn(world, drawings)
    if not drawn:
        return []
    names, levels = zip(*drawn.items(), strict=True)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *levels)
    name = names_of(world.design).drawn
    return [_Levels(name, stacked, list(names), _optimal(world, stacked))]


def _random(world: WorldSpec, number: int) -> _Levels:
    levels = random_levels(world, number)
    strata = [world.name] * len(jax.tree.leaves(levels)[0])
    name = names_of(world.design).random
    return _Levels(name, levels, strata, _optimal(world, levels), is_named=False)


def _optimal(world: WorldSpec, levels: Level) -> Float[np.ndarray, " level"] | None:
    if world.optimal_return is None:
        return None
    return np.asarray(jit(jax.vmap(world.optimal_return), program="once")(levels))


def _paths(finished: Finished, drawn: Sequence[_Levels]) -> dict[str, dict[str, list[int]]]:
    """Where the student goes in one attempt at each level drawn by hand, by its name."""
    world = finished.named_world
    if not drawn or world.design is None or world.design.place is None:
        return {}
    (levels,), place = drawn, world.design.place
    number = len(levels.strata)
    policy = life_of(finished, world.world).objective.behaviour
    each = Levels(levels.levels, 0)

    def go(learner, key):
        policy_of = policy(learner)

        def step(carry, key):
            worlds, memory = carry
            keys = jax.random.split(key, number + 1)
            after, memory, steps = step_worlds(keys, world.world, each, policy_of, worlds, memory)
            return (after, memory), (jax.vmap(place)(worlds.state), steps.ended)

        reset_key, act_key = jax.random.split(key)
        start = reset_worlds(reset_key, world.world, each, number), policy_of.init_memory(number)
        length = finished.run.method.life.rollout_length
        return jax.lax.scan(step, start, jax.random.split(act_key, length))[1]

    places, ended = map(np.asarray, jit(go, program="once")(finished.learned, role_key("paths")))
    lengths = np.where(ended.any(axis=0), ended.argmax(axis=0) + 1, len(ended))
    return {
        "paths": {
            name: places[: lengths[index], index].tolist()
            for index, name in enumerate(levels.strata)
        }
    }


def _scores(finished: Finished) -> dict[str, Any]:
    """What scores see of levels, where that is asked for."""
    settings = finished.run.evaluation
    if settings.num_scored is None:
        return {}
    return {"scores": scores_beside_rates(finished, settings.num_scored, settings.num_attempts)}


def _solved(levels: _Levels, returns: _Returns) -> Table:
    """Shares of attempts with a positive return, in groups of attempts on levels with a name."""
    rates = partial(rates_of_groups, most=_MOST_GROUPS if levels.is_named else 1)
    results = {who.name: rates(found > 0) for who, found in returns.items()}
    return Table(levels.name, "solve rate", results, levels.strata)


def _returned(levels: _Levels, returns: _Returns) -> Table:
    results = {who.name: found.mean(axis=1, keepdims=True) for who, found in returns.items()}
    name = f"{levels.name}, return"
    return Table(name, "return", results, levels.strata, optimal=levels.optimal)


def _curves(world: WorldSpec, levels: Level, returns: _Returns) -> list[Curves]:
    """Solve rates on the worst random levels, and over what can be measured of a level."""
    solved = {who.name: found > 0 for who, found in returns.items()}
    shown = {name: risk_curve(*_halves(found)) for name, found in solved.items()}
    names = names_of(world.design)
    title = f"solve rate on the worst of {names.random}"
    share = f"share of the {names.levels}, the worst of them (%)"
    curves = [Curves(title, share, "solve rate", shown, statistic="mean")]
    measures = {} if world.design is None else world.design.measures
    for name, measure in measures.items():
        measured = np.asarray(jit(jax.vmap(measure), program="once")(levels), float)
        if not np.isfinite(measured).any():
            continue
        edges, what = even_edges(measured), name.replace("_", " ")
        lines = {who: curve_over(measured, of.mean(1), edges) for who, of in solved.items()}
        curves.append(
            Curves(f"solve rate over the {what}", what, "solve rate", lines, statistic="mean")
        )
    return curves


def _halves(solved: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve rates by the first half of attempts, and by the second."""
    half = solved.shape[1] // 2
    return solved[:, :half].mean(axis=1), solved[:, half:].mean(axis=1)


def _means(returns: _Returns) -> dict[str, list[float]]:
    """Of each contender, the solve rate of each level."""
    return {who.name: (found > 0).mean(axis=1).tolist() for who, found in returns.items()}


def _notes(settings: StudentEvaluationConfig, names: SetNames, num_random: int) -> list[str]:
    of_kinds = (
        f"{names.of_a_kind.capitalize()} are {settings.num_of_a_kind}, with one attempt at each; "
        "they are drawn anew after the rules of published ones."
    )
    return [
        f"Each level was attempted {settings.num_attempts} times, with actions drawn from the "
        "policy; an attempt with a positive return has solved it.",
        f"The worst of the {names.random} are chosen by half of the attempts and measured by the "
        f"other half; bands are over {names.levels} that were not drawn.",
        *shortfall(names.random, settings.num_levels, num_random),
        *([of_kinds] if settings.kinds else []),
    ]


def _count(run: Finished) -> str:
    """How much a student has had, in the three ways in which methods are compared."""
    state, experiment, ppo = unwatched(run.state), run.experiment, run.run.method.ppo
    steps, updates = run.state_step * experiment.world_steps_per_step, int(state.num_updates)
    gradients = updates * ppo.num_epochs * ppo.num_mini_batches
    return (
        f"{run.title} has taken {steps:,} steps of its worlds in {run.state_step:,} rollouts, and "
        f"learned from {updates:,} of these in {gradients:,} gradient steps."
    )
