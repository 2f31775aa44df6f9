"""Tests of doing what was shown."""

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.agents import ActorCriticConfig
from rlsuite.drifts import ppo_clip
from rlsuite.envs.restarts import demonstrate
from rlsuite.envs.rooms import Corridors
from rlsuite.imitation import clone, replay
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.rollout import episode_returns

KEY = jax.random.key(0)
WORLD = Corridors(3, 6)
COURSE = jnp.array([2, 0, 0, 0, 0, 0])


def returns(policy):
    run = jax.jit(lambda key: episode_returns(key, WORLD, WORLD.default_params, policy, 8))
    return np.asarray(run(KEY))


def test_replaying_does_the_same_in_every_episode():
    assert (returns(replay(COURSE)) == 1).all()
    assert (returns(replay(COURSE.at[0].set(1))) < 1).all()


def test_a_clone_knows_what_was_shown_by_heart():
    objective = ppo(WORLD, ActorCriticConfig("table"), PPOConfig(), ppo_clip(0.2), 8)
    states = demonstrate(WORLD, WORLD.default_params, COURSE, jnp.int32(6)).state
    seen = jax.vmap(lambda state: WORLD.get_obs(state, WORLD.default_params))(states)
    # The last step is not shown, and nothing is learned of it.
    action, is_shown = jnp.append(COURSE, 1), jnp.arange(7) < 6
    cloned = jax.jit(lambda key: clone(key, objective, seen, action, is_shown))(KEY)
    policy, _ = objective.policy(cloned, objective.init_memory(7), seen)
    likely = np.exp(policy.log_prob(action))
    assert (likely[:6] > 0.95).all() and likely[6] < 0.5
    assert returns(objective.behaviour(cloned)).mean() > 0.8
