"""The test of robustified policies: fresh episodes from the start, beside what was found itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.compiling import jit
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.envs.restarts import Demonstration, demonstrate
from rlsuite.envs.step_tables import sticky_optimal_return
from rlsuite.envs.sticky import StickyWorld
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.exploration.go_explore import level_to_explore
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch, required
from rlsuite.imitation import clone, replay
from rlsuite.lifetime import Life, Task
from rlsuite.methods.robustify import RobustAgentsConfig, best_course
from rlsuite.objectives.objective import Learner
from rlsuite.ranges import Count
from rlsuite.rollout import Level, Policy, episode_returns


@dataclass(frozen=True)
class RobustifyEvaluationConfig:
    """How policies are tested.

    Attributes:
      num_episodes: fresh episodes of each agent.
    """

    num_episodes: Count = 512


class _Shown(NamedTuple):
    """What an agent's exploration has found: the actions, and what they lead to as they are."""

    action: Int[Array, " step"]
    demonstration: Demonstration


class _Setting(NamedTuple):
    """What all that is tested of a run has in common."""

    config: RobustAgentsConfig
    world: Environment
    seen: Environment
    level: Level
    num_updates: int

    @property
    def life(self) -> Life:
        return self.config.life_in(self.seen)


Act = Callable[[PRNGKeyArray, Learner, _Shown], Policy]
"""How to act, given what an agent has learned and what it was shown."""


def _setting(finished: Finished) -> _Setting:
    config, world = finished.run.method, required(finished.named_world)
    seen = config.seen(world.world, config.explore.cells_in(world.world))
    num_updates = finished.run.steps - config.explore_steps
    return _Setting(config, world.world, seen, level_to_explore(world), num_updates)


def _learned(setting: _Setting) -> Act:
    return lambda key, learner, shown: setting.life.objective.behaviour(learner)


def _replayed(setting: _Setting) -> Act:
    return lambda key, learner, shown: replay(shown.action)


def _cloned(setting: _Setting) -> Act:
    objective = setting.life.objective

    def act(key, learner, shown):
        states = jax.tree.map(lambda leaf: leaf[:-1], shown.demonstration.state)
        seen = jax.vmap(lambda state: setting.seen.get_obs(state, setting.level))(states)
        is_shown = jnp.arange(shown.action.size) < shown.demonstration.length
        return objective.behaviour(clone(key, objective, seen, shown.action, is_shown))

    return act


def _from_the_start(setting: _Setting) -> Act:
    life, task = setting.life, Task(setting.level, jnp.int32(setting.num_updates))

    def act(key, learner, shown):
        return life.objective.behaviour(life.whole(key, (), task).learner)

    return act


MakeAct = Callable[[_Setting], Act]

BASELINES: Mapping[str, MakeAct] = {
    "replayed actions": _replayed,
    "cloned actions": _cloned,
    "PPO from the start": _from_the_start,
}


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Returns of fresh episodes where actions stick, and where they don't.

    Beside a run's own policies stand the actions that its agents have found, policies that have
    learned these by heart, and agents that learn by the same PPO for as long without having been
    shown anything.
    """
    asked: list[tuple[Contender, Finished, MakeAct]]
    asked = [(who, run, _learned) for who, run in finished.beside(rivals).items()]
    asked += [(Contender(name, "baseline"), finished, make) for name, make in BASELINES.items()]
    watch.expect(len(asked))
    stickiness = (finished.run.method.stickiness, 0.0)
    returns = {}
    for who, run, make in asked:
        done = watch.begin(who.name)
        returns[who.name] = _returns(run, make, stickiness, finished.run.evaluation.num_episodes)
        done()
    setting = _setting(finished)
    return Evaluation(
        contenders=[who for who, _, _ in asked],
        tables=[
            _table(f"actions stick with probability {p:g}", setting, p, place, returns)
            for place, p in enumerate(stickiness)
        ],
        notes=[
            "Each result is the mean return of an agent over "
            f"{finished.run.evaluation.num_episodes} fresh episodes from the start. The optimal "
            "return, where it can be computed, is that of a policy that also knows which action "
            "was done last; agents don't."
        ],
    )


def _returns(
    finished: Finished,
    make: MakeAct,
    stickiness: Sequence[float],
    num_episodes: int,
) -> Float[np.ndarray, "stickiness agent"]:
    setting = _setting(finished)
    act, state = make(setting), finished.state

    def mean_returns(key, learner, archive):
        action, length = best_course(archive)
        shown = _Shown(action, demonstrate(setting.world, setting.level, action, length))
        act_key, episode_key = jax.random.split(key)
        policy = act(act_key, learner, shown)
        worlds = [StickyWorld(setting.seen, probability) for probability in stickiness]
        return jnp.stack(
            [
                episode_returns(episode_key, one, setting.level, policy, num_episodes).mean()
                for one in worlds
            ]
        )

    keys = jax.random.split(role_key("episodes"), setting.config.num_agents)
    program = jit(jax.vmap(mean_returns, out_axes=1))
    return np.asarray(program(keys, finished.learned, state.first.archive))


def _table(
    name: str,
    setting: _Setting,
    stickiness: float,
    place: int,
    returns: Mapping[str, Float[np.ndarray, "stickiness agent"]],
) -> Table:
    return Table(
        name=name,
        unit="return",
        results={who: found[place][None] for who, found in returns.items()},
        strata=[name],
        optimal=_optimal(setting, stickiness),
    )


def _optimal(setting: _Setting, stickiness: float) -> Float[np.ndarray, "1"] | None:
    world: Any = setting.world
    if not isinstance(world, KeyDoors):
        return None
    limit = setting.level.max_steps_in_episode
    best = jit(lambda: sticky_optimal_return(world.step_table(setting.level), stickiness, limit))
    return np.asarray(best())[None]
