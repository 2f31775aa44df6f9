"""Recurrent agents that learn to play repeated games against scripts (arXiv 2305.16867).

The paper has language models play all games of two players with two actions, round by round. Here
learned policies and scripts do. No language model plays, and no player here is a model of one, or
of people.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import random_tasks
from rlsuite.envs.games.game import battle_of_the_sexes, prisoners_dilemma
from rlsuite.envs.games.machines import SCRIPTS, ScriptName
from rlsuite.envs.games.ordinal import ordinal_games
from rlsuite.envs.games.world import NUM_ROUNDS, Params, RepeatedGames, level
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.methods.ppo import PPOAgentsConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.ranges import Count
from rlsuite.requirements import named

GamesName = Literal["ordinal", "prisoners_dilemma", "battle_of_the_sexes"]
GAMES: dict[GamesName, Callable[[], Float[np.ndarray, "game 2 2 2"]]] = {
    "ordinal": ordinal_games,
    "prisoners_dilemma": lambda: np.asarray(prisoners_dilemma())[None],
    "battle_of_the_sexes": lambda: np.asarray(battle_of_the_sexes())[None],
}
HELD_OUT: tuple[ScriptName, ...] = (
    *("tit for two tats", "suspicious tit for tat", "hard tit for tat"),
    *("naive prober", "naive prober 0.2", "alternating 1 0", "turn-taker"),
)
"""Scripts that agents don't meet by default, so that tests can have them play strangers."""

MET: tuple[ScriptName, ...] = tuple(name for name in get_args(ScriptName) if name not in HELD_OUT)


@dataclass(frozen=True)
class RepeatedGamesConfig(PPOAgentsConfig):
    """What agents learn to play, and against whom.

    Attributes:
      games: all strict ordinal ones, or the paper's case studies.
      opponents: scripts that agents meet.
      num_rounds: of a match.
    """

    networks: ActorCriticConfig = field(
        default_factory=lambda: ActorCriticConfig("perceptron", (64,), recurrent_width=64)
    )
    ppo: PPOConfig = field(
        default_factory=lambda: PPOConfig(
            discount=1.0, learning_rate=2e-3, anneal_learning_rate=True, num_mini_batches=4
        )
    )
    life: LifeConfig = field(default_factory=lambda: LifeConfig(64, NUM_ROUNDS))
    games: GamesName = "ordinal"
    opponents: tuple[ScriptName, ...] = MET
    num_rounds: Count = NUM_ROUNDS

    @property
    def level(self) -> Params:
        """Matches that agents learn in.

        Raises:
          ValueError: if games or opponents are unknown.
        """
        scripts = [named("opponents", name, SCRIPTS) for name in self.opponents]
        return level(named("games", self.games, GAMES)(), scripts, self.num_rounds)


def repeated_games(config: RepeatedGamesConfig, lifetime: int) -> Method:
    """PPO with memory in matches of a drawn game, seat and opponent.

    An agent is told the payoffs and the round, and not who it plays: what there is to know of an
    opponent it learns within the match, how to do so before it.

    Args:
      config: sizes and hyperparameters.
      lifetime: of an agent, in updates.

    Returns:
      A method whose step is one update of every agent, and whose state is a `LivingState`. Returns
      of episodes are the paper's normalised scores, payoffs over the highest there is.

    Raises:
      ValueError: if there are no opponents, and as `config.level`.
    """
    if not config.opponents:
        raise ValueError("opponents: none is not allowed; there must be at least one")
    task = Task(config.level, jnp.int32(lifetime))
    return live(
        config.life_in(RepeatedGames()),
        random_tasks(lambda key: task),
        num_agents=config.num_agents,
        num_episodes=config.num_episodes,
    )
