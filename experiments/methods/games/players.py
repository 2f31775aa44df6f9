"""Who plays in tournaments of repeated games."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.bandits.adversarial import exp3
from rlsuite.compiling import jit
from rlsuite.envs.games.game import View, swap_roles, view_from
from rlsuite.envs.games.machines import SCRIPTS, machines_of
from rlsuite.envs.games.world import RepeatedGames
from rlsuite.experiments.role_keys import role_key
from rlsuite.games.gradients import Opponents, policy_gradient, specialist, worth_against
from rlsuite.games.players import by_policy, fictitious_play, from_bandit, hedge, scripted
from rlsuite.games.playing import Player
from rlsuite.games.q_learning import QLearningConfig, greedy_plan, q_learning
from rlsuite.method import train
from rlsuite.methods.repeated_games import RepeatedGamesConfig
from rlsuite.objectives.objective import Learner
from rlsuite.ranges import Count, OneOf

PREDICTORS = {
    "fictitious play": 0,
    "predictor of 1 round": 1,
    "predictor of 2 rounds": 2,
    "predictor of 3 rounds": 3,
}
"""By how many rounds they look back."""


class Known(NamedTuple):
    """What those who play beside a run's agents may know.

    Attributes:
      settings: of the test.
      config: of the run, whose opponents they may have learned against as well.
      games: that will be played.
    """

    settings: "GamesEvaluationConfig"
    config: RepeatedGamesConfig
    games: Float[Array, "game 2 2 2"]


def _by_itself(make: Callable[..., Player], *arguments: Any) -> Callable[[Known], Player]:
    return lambda known: make(*arguments)


BASELINES: Mapping[str, Callable[[Known], Player]] = {
    **{name: _by_itself(scripted, script) for name, script in SCRIPTS.items()},
    **{name: _by_itself(fictitious_play, order) for name, order in PREDICTORS.items()},
    "Hedge": _by_itself(hedge),
    "EXP3": lambda known: from_bandit(exp3(2, known.config.num_rounds)),
    "memory-one policy gradient": lambda known: memory_one_plans(
        known, by_gradient(known.config.num_rounds, known.settings.num_gradient_steps)
    ),
    "memory-one Q-learner": lambda known: memory_one_plans(
        known, by_values(known.config.num_rounds, known.settings.q_learning)
    ),
}
"""Who may play beside the method's agents, and how they come to be."""

BaselineName = Annotated[str, OneOf(tuple(BASELINES))]

RATE = 0.1
"""Of Adam, by which memory-one plans learn."""


@dataclass(frozen=True)
class GamesEvaluationConfig:
    """How players of games are tested.

    Attributes:
      num_draws: matches of each pair of players at each game from either seat.
      baselines: who plays beside the run's agents; each of them counts as an opponent as much as
        all agents of the run together.
      num_pairs: of learners of one kind, at each of some games.
      num_gradient_steps: that such learners and memory-one plans make before they play.
      q_learning: how the memory-one Q-learner learns before it plays.
    """

    num_draws: Count = 4
    baselines: tuple[BaselineName, ...] = tuple(BASELINES)
    num_pairs: Count = 256
    num_gradient_steps: Count = 400
    q_learning: QLearningConfig = field(default_factory=QLearningConfig)


def agents_of(config: RepeatedGamesConfig, learners: Learner) -> list[Player]:
    """What agents have become, as players; learners have a leading `agent` axis."""
    objective = config.life_in(RepeatedGames()).objective
    return [
        by_policy(objective.behaviour(jax.tree.map(lambda leaf, at=place: leaf[at], learners)))
        for place in range(config.num_agents)
    ]


def baselines_of(
    settings: GamesEvaluationConfig,
    config: RepeatedGamesConfig,
    games: Float[Array, "game 2 2 2"],
) -> dict[str, Player]:
    """Players that no run has learned.

    Args:
      settings: who plays, and how memory-one plans have learned.
      config: of the run, whose opponents these have learned against as well.
      games: that will be played.
    """
    known = Known(settings, config, games)
    return {name: BASELINES[name](known) for name in settings.baselines}


LearnPlan = Callable[[PRNGKeyArray, Opponents], Float[Array, "5"]]
"""`(key, opponents) -> chances` of action 1, as `memory_one` takes them."""


def by_gradient(num_rounds: int, num_steps: int) -> LearnPlan:
    """Learns by so many steps of policy gradient."""

    def learn(key, opponents):
        method = policy_gradient(
            worth_against(num_rounds), lambda key: opponents, optax.adam(RATE), num_agents=1
        )
        return jax.nn.sigmoid(train(method, num_steps)(key)[0].logits[0, 0])

    return learn


def by_values(num_rounds: int, config: QLearningConfig) -> LearnPlan:
    """Learns by Q-learning, and then plays what it takes for best."""

    def learn(key, opponents):
        method = q_learning(lambda key: opponents, config, num_rounds=num_rounds, num_agents=1)
        return greedy_plan(train(method, config.num_matches)(key)[0].values[0])

    return learn


def memory_one_plans(known: Known, learn: LearnPlan) -> Player:
    """For each game and seat, a plan that has learned against the scripts a run's agents meet."""
    scripts = [SCRIPTS[name] for name in known.config.opponents]
    rounds = jnp.int32(known.config.num_rounds)
    views = jax.tree.map(
        lambda *leaves: jnp.concatenate(leaves),
        *(view_from(known.games, jnp.int32(seat), rounds) for seat in (0, 1)),
    )

    def learned(key, view):
        theirs = View(swap_roles(view.payoffs), 1 - view.seat, rounds)
        return learn(key, Opponents(view, machines_of(scripts, theirs)))

    keys = jax.random.split(role_key("players"), views.seat.size)
    return scripted(specialist(views, jit(jax.vmap(learned))(keys, views)))


Kinds = Mapping[str, Sequence[Player]]
"""Players by name: one, or several that have learned in the same way."""
