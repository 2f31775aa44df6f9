"""Agents in repeated games: what they learn, and what is refused."""

from dataclasses import replace

import jax
import pytest

import rlsuite
from rlsuite.agents import ActorCriticConfig
from rlsuite.envs.games.machines import SCRIPTS
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.repeated_games import HELD_OUT, MET, RepeatedGamesConfig, repeated_games
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

CONFIG = RepeatedGamesConfig(
    networks=ActorCriticConfig("perceptron", (16,), recurrent_width=16),
    ppo=PPOConfig(discount=1.0, learning_rate=1e-2, num_mini_batches=2),
    life=LifeConfig(32, 6),
    num_agents=2,
    num_episodes=256,
    games="prisoners_dilemma",
    opponents=("always 1", "tit for tat"),
    num_rounds=6,
)


def test_agents_find_out_whom_they_play():
    """They cooperate with tit for tat, and defect on who always defects."""
    num_steps = 120
    method = repeated_games(CONFIG, num_steps)
    _, metrics = jax.jit(rlsuite.train(method, num_steps))(jax.random.key(0))
    assert metrics["episode_return"][0] < 0.5
    # Who always defects gets 30 and 35 of 60, who always cooperates 0 and 48. Who first cooperates
    # and then does as it is done by gets 25 and 48, or 50 by defecting in the last round.
    assert metrics["agent_return"][-1] > 0.58 > (30 + 35) / 2 / 60


def test_what_is_met_and_what_is_held_out_are_all_scripts():
    assert sorted(MET + HELD_OUT) == sorted(SCRIPTS) and not set(MET) & set(HELD_OUT)
    level = RepeatedGamesConfig().level
    assert level.opponents.chances.shape[:3] == (144, 2, len(MET))


def test_somebody_is_met():
    with pytest.raises(ValueError, match="opponents: none is not allowed"):
        repeated_games(replace(CONFIG, opponents=()), 2)
