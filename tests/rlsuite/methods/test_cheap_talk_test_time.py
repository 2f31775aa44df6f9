"""Tests of test-time cheap talk; its worlds, PPO and evolution are tested by themselves."""

from dataclasses import replace

import distrax
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.goals import GoalWorld, goal_form
from rlsuite.envs.messenger import MessengerParams, MessengerWorld
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.methods import cheap_talk_test_time as test_time
from rlsuite.methods.cheap_talk import ChannelConfig
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.rollout import memoryless

WORLD, PARAMS = gymnax.make("CartPole-v1")
LEVEL = jax.tree.map(jnp.asarray, PARAMS.replace(max_steps_in_episode=20))
CONFIG = test_time.TestTimeConfig(
    channel=ChannelConfig(scale=3.0, hidden_widths=(4,)),
    networks=NetworkConfig("perceptron", (4,), activation="tanh"),
    ppo=PPOConfig(num_epochs=2, num_mini_batches=1, normalise_observations=True),
    messenger_networks=NetworkConfig("perceptron", (6,), activation="tanh"),
    oracle_networks=NetworkConfig("perceptron", (5,), activation="tanh"),
    oracle_ppo=PPOConfig(num_epochs=2, num_mini_batches=1),
    oracle_lifetime=2,
    life=LifeConfig(num_workers=2, rollout_length=8),
    meta=EvolutionConfig(population_size=4, shaping="z_score", num_episodes=3),
)


def sample_task(key):
    return Task(LEVEL, jnp.int32(2))


@pytest.fixture(scope="module")
def zero_shot():
    return test_time.act_test(WORLD, sample_task, CONFIG)


def test_a_generation_attacks_its_victims_and_moves_channel_and_messenger(zero_shot):
    before = jax.jit(zero_shot.init)(jax.random.key(0))
    after, metrics = jax.jit(zero_shot.step)(before)
    assert metrics["failed_candidates"] == 0
    # Twenty steps at most, each paid between 0 and 1.
    assert 0 < metrics["fitness_min"] < metrics["fitness_max"] <= 20
    for part in ("channel", "messenger"):
        moved = jax.tree.map(
            lambda x, y: (x != y).all(),
            getattr(before.parameters, part),
            getattr(after.parameters, part),
        )
        assert all(jax.tree.leaves(moved))


@pytest.mark.parametrize("messenger", ["zero_shot", "oracle"])
def test_a_messenger_evolves_unless_it_is_an_oracle(messenger):
    method = test_time.act_test(WORLD, sample_task, replace(CONFIG, messenger=messenger))
    parameters = jax.eval_shape(method.init, jax.random.key(0)).parameters
    shapes = {leaf.shape for leaf in jax.tree.leaves(parameters.messenger)}
    # It reads an observation and the goal's position.
    assert shapes == ({(5, 6), (6,), (6, 2), (2,)} if messenger == "zero_shot" else set())


def puppet_world():
    """A cart that goes where the message says."""

    def act(agent, observed):
        return (observed[-1] > 0).astype(jnp.int32)

    goals = GoalWorld(WORLD, goal_form(WORLD))
    return MessengerWorld(goals, act, message_size=1, scale=1.0)


def towards_the_goal(observed):
    return distrax.Deterministic(observed[..., 4:] - observed[..., :1])


def test_episodes_are_followed_to_their_own_ends():
    world, level = puppet_world(), MessengerParams(PARAMS.replace(max_steps_in_episode=12), ())
    key = jax.random.key(0)
    # A cart pushed one way all the time falls over after some ten steps, a few sooner.
    policy = memoryless(towards_the_goal)
    episodes = jax.jit(lambda key: test_time.goal_episodes(key, world, level, policy, 6))(key)
    keys = jax.random.split(jax.random.split(key)[0], 6)
    step = jax.jit(world.step_env)
    lengths = []
    for i in range(6):
        seen, state = world.reset(keys[i], level)
        ended, total = False, 0.0
        while not ended:
            action = towards_the_goal(seen).mode()
            seen, state, reward, terminated, _ = step(key, state, action, level)
            total += reward
            ended = terminated or world.is_truncated(state, level)
        lengths.append(int(state.time))
        np.testing.assert_allclose(episodes.goal_return[i], total, rtol=1e-4)
        np.testing.assert_allclose(episodes.reached[i], [state.world.x], rtol=1e-4, atol=1e-5)
        np.testing.assert_array_equal(episodes.goal[i], state.goal)
        assert episodes.own_return[i] == state.time
    assert len(set(lengths)) > 1


def attacked(shaper, parameters, config=CONFIG):
    run = test_time.attack_victims(
        WORLD, config, shaper, level=LEVEL, num_victims=3, num_updates=2, num_episodes=4
    )
    return jax.jit(run)(jax.random.key(1), parameters)


def test_random_shapers_attack_in_episodes_with_goals_of_their_own():
    """Their messengers learn by PPO, as an oracle's do."""
    episodes = attacked("random", None)
    assert episodes.goal.shape == episodes.reached.shape == (3, 4, 1)
    assert len(np.unique(episodes.goal)) == 12
    assert (np.abs(episodes.goal) <= 2.4).all()
    assert ((episodes.goal_return > 0) & (episodes.goal_return <= 20)).all()
    # Rewards of a cart are the steps that it stood.
    assert (episodes.goal_return <= episodes.own_return).all()
    assert (episodes.own_return <= 20).all()


def test_worlds_without_goals_are_refused():
    world, _ = gymnax.make("Acrobot-v1")
    with pytest.raises(ValueError, match=r"world: Acrobot-v1 is not allowed; goals are known for"):
        test_time.act_test(world, sample_task, CONFIG)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"messenger": "owl"}, r"messenger: 'owl' is unknown .*'oracle'"),
        ({"oracle_lifetime": 0}, r"oracle_lifetime: 0 is not allowed; .* at least 1"),
        ({"channel": ChannelConfig(message_size=0)}, r"channel.message_size: 0 is not allowed"),
    ],
)
def test_what_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        test_time.act_test(WORLD, sample_task, replace(CONFIG, **change))


def test_unknown_shapers_are_refused():
    with pytest.raises(ValueError, match="shaper: 'wise' is unknown; known: learned, random"):
        attacked("wise", None)
