"""Testing anything by which agents learn on any worlds, for any lifetimes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import jax
import numpy as np
from annotated_types import MinLen
from jaxtyping import Float

from rlsuite.actions import random_policy
from rlsuite.compiling import jit
from rlsuite.experiments import evaluation
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluation import SCORE, Evaluation, Table
from rlsuite.experiments.field_values import from_text
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.level_sets import LevelSet, lasting
from rlsuite.experiments.meta_test import Contender, EvaluationConfig, tested
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch, WorldSpec
from rlsuite.ranges import Count, Counts, EachOnce
from rlsuite.rollout import episode_returns
from rlsuite.selection import take

RANDOM = "random policy"
ALL_WORLDS = "all worlds with a reference"
LEAST_GAIN = 0.01
"""Below so much between a random policy and the optimum, a level has nothing to normalise by."""


@dataclass(frozen=True)
class WorldTestConfig(EvaluationConfig):
    """How contenders are tested on worlds.

    Attributes:
      num_levels: levels drawn of each world that has more than one, none of them from training.
      lifetimes: agent updates, each tested; none takes the number in which PPO learns each world.
    """

    num_seeds: Count = 8
    num_levels: Count = 16
    lifetimes: Annotated[Counts, MinLen(1), EachOnce()] | None = None


_FIELDS = {
    "lifetimes": "lifetimes",
    "seeds": "num_seeds",
    "levels": "num_levels",
    "episodes": "num_episodes",
}


def settings_of(texts: Mapping[str, str | Sequence[str]]) -> WorldTestConfig:
    """The settings that texts ask for.

    Args:
      texts: by the words of the command: `lifetimes` (several), `seeds`, `levels`, `episodes`.

    Raises:
      ConfigError: if one of them is not allowed.
    """
    known = leaves(WorldTestConfig())
    values = {
        _FIELDS[name]: from_text(
            name, known[_FIELDS[name]].type, text if isinstance(text, str) else ",".join(text)
        )
        for name, text in texts.items()
    }
    return WorldTestConfig(**values)


def world_test(
    contenders: Sequence[Contender],
    worlds: Sequence[WorldSpec],
    settings: WorldTestConfig,
    watch: Watch,
) -> Evaluation:
    """Tests contenders on worlds, beside a random policy.

    Each world gets a table for each lifetime. Where it has a reference, scores are counted from the
    random policy's return to that, and means over all such worlds follow at the end. Whether all
    contenders can serve all worlds is `check_contenders`'s to say.
    """
    watch.expect(sum(1 + _num_lifetimes(settings) * len(contenders) for _ in worlds))
    tables, notes = [], []
    for world in worlds:
        done = watch.begin(f"{world.name}: {RANDOM}")
        levels, random = _measured(world, settings)
        done()
        notes.append(_about(world, levels, contenders))
        for lifetime in settings.lifetimes or (world.ppo.lifetime,):
            lived = lasting(levels, lifetime)._replace(name=f"{world.name}, {lifetime} updates")
            tables.append(_table(lived, contenders, random, settings, watch))
    everyone = [evaluation.Contender(one.name, one.role) for one in contenders]
    return Evaluation(
        contenders=[*everyone, evaluation.Contender(RANDOM, "baseline")],
        tables=[*tables, *_over_worlds(tables, settings)],
        notes=notes,
    )


def check_contenders(contenders: Sequence[Contender], worlds: Sequence[WorldSpec]) -> None:
    """Makes sure that agents of all contenders can live in all worlds; nothing is compiled.

    Raises:
      ConfigError: if they can't.
    """
    for world in worlds:
        task = jax.eval_shape(world.sample_task, jax.random.key(0))
        for contender in contenders:
            try:
                trainer = contender.learned_by(world)(world.world, contender.learned)
                jax.eval_shape(
                    lambda key, task, it=trainer: it.life.init(key, it.task(task)),
                    jax.random.key(0),
                    task,
                )
            except ValueError as error:
                raise ConfigError(
                    f"worlds: {world.name} is not allowed for {contender.name} ({error})"
                ) from error


def _num_lifetimes(settings: WorldTestConfig) -> int:
    return len(settings.lifetimes or (1,))


def _measured(
    world: WorldSpec, settings: WorldTestConfig
) -> tuple[LevelSet, Float[np.ndarray, "level seed"]]:
    """Levels of a world with the returns they are measured by, and those of a random policy.

    Levels on which a random policy is about as good as can be are left out, if others are left.
    """
    keys = jax.random.split(role_key("levels"), settings.num_levels)
    tasks = jit(jax.vmap(world.sample_task), program="once")(keys)
    is_one = all((leaf == leaf[:1]).all() for leaf in jax.tree.leaves(tasks.level))
    if is_one:
        tasks = take(tasks, np.arange(1))
    random = _random_returns(world, tasks.level, settings)
    optimal = _references(world, tasks.level, len(random))
    if optimal is not None:
        paying = np.flatnonzero(optimal - random.mean(axis=1) >= LEAST_GAIN)
        if not paying.size:
            optimal = None
        else:
            tasks, random, optimal = take(tasks, paying), random[paying], optimal[paying]
    strata = [world.name] * len(random)
    return LevelSet(world.name, world, tasks, strata, optimal), random


def _references(world: WorldSpec, levels, num_levels: int) -> Float[np.ndarray, " level"] | None:
    if world.optimal_return is not None:
        return np.asarray(jit(jax.vmap(world.optimal_return))(levels))
    if world.reference is not None:
        return np.full(num_levels, world.reference.value)
    return None


def _random_returns(
    world: WorldSpec, levels, settings: WorldTestConfig
) -> Float[np.ndarray, "level seed"]:
    """Mean returns of a random policy over as many episodes as are behind an agent's."""

    def returns(key, level):
        policy, num_episodes = random_policy(world.world), settings.num_episodes
        return episode_returns(key, world.world, level, policy, num_episodes).mean()

    num_levels = jax.tree.leaves(levels)[0].shape[0]
    keys = jax.random.split(role_key("random policy"), (num_levels, settings.num_seeds))
    over_seeds = jax.vmap(returns, in_axes=(0, None))
    return np.asarray(jit(jax.vmap(over_seeds))(keys, levels))


def _table(
    levels: LevelSet,
    contenders: Sequence[Contender],
    random: Float[np.ndarray, "level seed"],
    settings: WorldTestConfig,
    watch: Watch,
) -> Table:
    # A batch is filled up with agents that were there before: there need be no more than there are.
    num_agents = min(settings.num_agents, len(levels.strata) * settings.num_seeds)
    table = tested(levels, contenders, replace(settings, num_agents=num_agents), watch)
    return replace(
        table,
        results={**table.results, RANDOM: random},
        random=None if table.optimal is None else random.mean(axis=1),
        horizon=None,
    )


def _over_worlds(tables: Sequence[Table], settings: WorldTestConfig) -> list[Table]:
    """Scores over all worlds that have a reference, for each lifetime that all are tested for."""
    if settings.lifetimes is None:
        groups = {ALL_WORLDS: list(tables)}
    else:
        every = len(settings.lifetimes)
        groups = {
            f"{ALL_WORLDS}, {lifetime} updates": list(tables[index::every])
            for index, lifetime in enumerate(settings.lifetimes)
        }
    return [
        _joined(name, known)
        for name, group in groups.items()
        if len(known := [table for table in group if table.optimal is not None]) > 1
    ]


def _joined(name: str, tables: Sequence[Table]) -> Table:
    """The scores of tables in one, in which all worlds count alike: means over their levels."""
    return Table(
        name=name,
        unit=SCORE,
        results={
            who: np.stack([table.normalised(who).mean(axis=0) for table in tables])
            for who in tables[0].results
        },
        strata=[table.name for table in tables],
    )


def _about(world: WorldSpec, levels: LevelSet, contenders: Sequence[Contender]) -> str:
    """What returns on a world are measured by, and how much experience an update takes there."""
    if levels.optimal is None:
        measured = "returns as they are, as no reference is known"
    elif world.optimal_return is not None:
        measured = "the reference is the optimal return of each level, from the solver"
    else:
        assert world.reference is not None
        measured = f"the reference is {world.reference.value:g}, {world.reference.source}"
    steps: dict[int, list[str]] = {}
    for contender in contenders:
        life = contender.learned_by(world)(world.world, contender.learned).life
        steps.setdefault(life.num_workers * life.rollout_length, []).append(contender.name)
    updates = "; ".join(f"{', '.join(names)} {number}" for number, names in steps.items())
    return f"{world.name}: {measured}; world steps in an update: {updates}."
