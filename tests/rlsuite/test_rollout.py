"""Tests of rollouts and evaluation episodes in a world whose every step is known."""

from functools import partial
from typing import NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.rollout import (
    Levels,
    Policy,
    Transition,
    episode_returns,
    finished_returns,
    greedy,
    memories,
    memoryless,
    reset_worlds,
    rollout,
    stagger,
)


class LinearPolicy(NamedTuple):
    """Prefers to count where `bias + weight · [count, time]` is positive."""

    bias: jax.Array | float
    weight: jax.Array | tuple[float, float] = (0.0, 0.0)

    def __call__(self, observation):
        preference = self.bias + observation @ jnp.array(self.weight)
        return distrax.Categorical(jnp.stack([-preference, preference], axis=-1))


COUNT = LinearPolicy(1e6)
COIN = LinearPolicy(0.0)
KEY = jax.random.key(0)
LENGTH, WORKERS = 6, 4


@pytest.fixture(scope="module")
def start(counting_world):
    return jax.jit(lambda key, level: reset_worlds(key, counting_world, Levels(level), WORKERS))


@pytest.fixture(scope="module")
def act(counting_world):
    @jax.jit
    def act(key, level, policy, worlds):
        policy = memoryless(policy)
        worlds, _, experience = rollout(
            key, counting_world, Levels(level), policy, worlds, (), LENGTH
        )
        return worlds, experience.transitions

    return act


@pytest.fixture(scope="module")
def evaluate(counting_world):
    @partial(jax.jit, static_argnames="num_episodes")
    def evaluate(key, level, policy, num_episodes=4000):
        return episode_returns(key, counting_world, level, memoryless(policy), num_episodes)

    return evaluate


@pytest.fixture
def level(counting_world):
    return counting_world.default_params


def test_next_observation_is_from_before_the_reset_on_termination(level, start, act):
    level, key = level.replace(goal=3), jax.random.key(0)
    worlds, steps = act(key, level, COUNT, start(key, level))
    count, next_count = steps.observation[..., 0], steps.next_observation[..., 0]
    np.testing.assert_array_equal(count[:, 0], [0, 1, 2, 0, 1, 2])
    np.testing.assert_array_equal(next_count[:, 0], [1, 2, 3, 1, 2, 3])
    np.testing.assert_array_equal(steps.terminated[:, 0], [0, 0, 1, 0, 0, 1])
    assert not steps.truncated.any()
    np.testing.assert_array_equal(steps.reward[:, 0], [1, 2, 3, 1, 2, 3])
    np.testing.assert_array_equal(worlds.observation, np.zeros((WORKERS, 2)))


def test_next_observation_is_from_before_the_reset_on_truncation(level, start, act):
    level, key = level.replace(max_steps_in_episode=2), jax.random.key(0)
    _, steps = act(key, level, COUNT, start(key, level))
    np.testing.assert_array_equal(steps.observation[:, 0, 1], [0, 1, 0, 1, 0, 1])
    np.testing.assert_array_equal(steps.next_observation[:, 0, 1], [1, 2, 1, 2, 1, 2])
    np.testing.assert_array_equal(steps.truncated[:, 0], [0, 1, 0, 1, 0, 1])
    assert not steps.terminated.any()
    np.testing.assert_array_equal(steps.ended, steps.truncated)


def test_an_episode_has_ended_for_either_reason():
    flags = jnp.array([False, False, True, True]), jnp.array([False, True, False, True])
    transition = Transition(None, None, None, None, *flags, None)
    np.testing.assert_array_equal(transition.ended, [False, True, True, True])


def test_rollouts_continue_where_the_last_one_stopped(level, start, act):
    level, key = level.replace(goal=8), jax.random.key(0)
    worlds, _ = act(key, level, COUNT, start(key, level))
    _, steps = act(key, level, COUNT, worlds)
    np.testing.assert_array_equal(steps.observation[:, 0, 0], [6, 7, 0, 1, 2, 3])


def test_leaves_are_time_major_and_the_same_key_gives_the_same_rollout(level, start, act):
    key, other_key = jax.random.split(jax.random.key(0))
    worlds = start(key, level.replace(highest_start=3))
    first, again = act(key, level, COIN, worlds), act(key, level, COIN, worlds)
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert all(leaf.shape[:2] == (LENGTH, WORKERS) for leaf in jax.tree.leaves(first[1]))
    assert first[1].reward.dtype == jnp.float32
    assert (first[1].action != act(other_key, level, COIN, worlds)[1].action).any()


def test_steps_and_workers_draw_actions_of_their_own(level, start, act):
    keys = jax.random.split(jax.random.key(0), 60)
    worlds = start(keys[0], level)
    actions = np.stack([act(key, level, COIN, worlds)[1].action for key in keys])
    bits = actions.reshape(len(keys), -1)
    # Independent fair coins: means and correlations scatter as they should.
    assert abs(bits.mean() - 0.5) < 0.05
    correlations = np.corrcoef(bits.T)[~np.eye(bits.shape[1], dtype=bool)]
    assert np.abs(correlations).max() < 0.6


def test_legacy_keys_work(level, start, act):
    key = jax.random.PRNGKey(0)
    _, steps = act(key, level, COIN, start(key, level))
    assert steps.action.shape == (LENGTH, WORKERS)


def test_no_gradient_flows_through_a_rollout(level, start, act):
    key = jax.random.key(0)
    worlds = start(key, level)

    @jax.jit
    @jax.value_and_grad
    def total(weight):
        # The first observation is the weight itself, which would have a gradient were it let.
        moved = worlds._replace(observation=worlds.observation + weight)
        end, steps = act(key, level, LinearPolicy(weight), moved)
        return steps.reward.sum() + steps.observation.sum() + end.observation.sum()

    value, gradient = total(2.0)
    assert value > 0
    assert gradient == 0


@pytest.mark.parametrize(("goal", "max_steps"), [(5, 100), (100, 4), (3, 2)])
def test_episode_returns_count_the_first_episode_only(level, evaluate, goal, max_steps):
    level = level.replace(goal=goal, max_steps_in_episode=max_steps, highest_start=2)
    # Episodes are of unequal length: those that end early restart while others still run.
    returns = evaluate(jax.random.key(0), level, COUNT)
    # Counting up all the time pays start + 1, start + 2, ... until the goal or the limit.
    expected = [sum(range(s + 1, min(goal, s + max_steps) + 1)) for s in range(3)]
    values, counts = np.unique(returns, return_counts=True)
    np.testing.assert_array_equal(values, np.unique(expected))
    assert counts.min() > 1000


def test_episode_returns_follow_the_policys_own_choices(level, evaluate):
    count_at_times_0_and_1 = LinearPolicy(1.5e6, (0.0, -1e6))
    level = level.replace(max_steps_in_episode=4)
    returns = evaluate(jax.random.key(0), level, count_at_times_0_and_1)
    np.testing.assert_array_equal(returns, np.full(4000, 1 + 2))


def test_episode_returns_of_a_random_policy_have_the_right_mean(level, evaluate):
    returns = evaluate(jax.random.key(0), level.replace(max_steps_in_episode=2), COIN)
    # Of the four equally likely pairs of actions the returns are 0, 1, 1 and 3.
    assert set(np.unique(returns)) == {0.0, 1.0, 3.0}
    np.testing.assert_allclose(np.mean(returns), 1.25, atol=0.08)


def test_a_greedy_policy_takes_the_likeliest_action(counting_world):
    observations = jnp.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    policy = greedy(memoryless(LinearPolicy(0.3, (0.0, -0.2))))
    actions = policy.act((), observations)[0].sample(seed=KEY)
    np.testing.assert_array_equal(actions, [1, 1, 0])
    assert jnp.issubdtype(actions.dtype, jnp.integer)


def test_a_greedy_policy_over_a_box_takes_its_centre():
    def policy(observation):
        return distrax.Independent(distrax.Normal(observation, 5.0), 1)

    observations = jnp.array([[0.5, 1.0], [2.0, -3.0]])
    actions = greedy(memoryless(policy)).act((), observations)[0].sample(seed=KEY)
    np.testing.assert_array_equal(actions, observations)


def test_staggered_clocks_cut_first_episodes_at_all_times(hidden_clock_world, level):
    world, level, key = hidden_clock_world, level.replace(max_steps_in_episode=5), KEY
    fresh = reset_worlds(key, world, Levels(level), 200)
    worlds = stagger(key, world, Levels(level), fresh)
    values, counts = np.unique(worlds.state.time, return_counts=True)
    np.testing.assert_array_equal(values, range(5))
    assert counts.min() > 20
    np.testing.assert_array_equal(worlds.observation, fresh.observation)
    np.testing.assert_array_equal(worlds.state.count, fresh.state.count)
    _, _, steps = rollout(key, world, Levels(level), memoryless(COUNT), worlds, (), 5)
    cut_at = np.argmax(steps.transitions.truncated, axis=0)
    np.testing.assert_array_equal(cut_at, 4 - worlds.state.time)


@pytest.mark.parametrize("limit", [2.0**31, 1e30, jnp.inf, 0.0, -jnp.inf])
def test_clocks_stay_where_there_is_no_limit_that_they_could_reach(
    hidden_clock_world, level, limit
):
    """From the middle of 2³¹ steps and more a clock of 32 bits would run over."""
    level = level.replace(max_steps_in_episode=jnp.float32(limit))
    fresh = reset_worlds(KEY, hidden_clock_world, Levels(level), 20)
    worlds = stagger(KEY, hidden_clock_world, Levels(level), fresh)
    np.testing.assert_array_equal(worlds.state.time, 0)


def alternating(num_turns=3):
    """Counts in every `num_turns`-th step of an episode, as far as it can remember."""

    def act(memory, observation):
        logits = jnp.where(memory[..., None] % num_turns == 0, 1e6, -1e6) * jnp.array([-1, 1])
        return distrax.Categorical(logits + 0 * observation[..., :1]), memory + 1

    return Policy(act, lambda num_workers: jnp.zeros(num_workers, jnp.int32))


@pytest.mark.parametrize(("goal", "max_steps"), [(2, 100), (100, 5)])
def test_memory_is_carried_along_and_lost_as_episodes_end(counting_world, level, goal, max_steps):
    level = level.replace(goal=goal, max_steps_in_episode=max_steps, highest_start=1)
    policy, length = alternating(), 11

    @jax.jit
    def two_rollouts(key):
        levels, memory = Levels(level), policy.init_memory(WORKERS)
        worlds = reset_worlds(key, counting_world, levels, WORKERS)
        worlds, memory, first = rollout(
            key, counting_world, Levels(level), policy, worlds, policy.init_memory(WORKERS), length
        )
        *_, second = rollout(key, counting_world, levels, policy, worlds, memory, length)
        return first, second, [memories(policy, experience) for experience in (first, second)]

    first, second, remembered = two_rollouts(KEY)
    ends = np.concatenate([first.transitions.ended, second.transitions.ended])
    actions = np.concatenate([first.transitions.action, second.transitions.action])
    assert ends.any(axis=0).all()
    assert not ends[length - 1].all()
    expected, age = np.zeros(ends.shape, int), np.zeros(WORKERS, int)
    for t, ended in enumerate(ends):
        expected[t] = age
        age = np.where(ended, 0, age + 1)
    np.testing.assert_array_equal(actions, expected % 3 == 0)
    np.testing.assert_array_equal(np.concatenate(remembered), expected)
    np.testing.assert_array_equal(second.memory, expected[length])


def test_evaluation_episodes_begin_without_memories(counting_world, level):
    level = level.replace(max_steps_in_episode=7)
    returns = episode_returns(KEY, counting_world, level, alternating(2), 5)
    np.testing.assert_array_equal(returns, np.full(5, 1 + 2 + 3 + 4))


def test_the_probability_of_actions_is_that_of_the_policy(level, start, act):
    policy = LinearPolicy(0.3, (0.1, -0.2))
    _, steps = act(KEY, level, policy, start(KEY, level))
    expected = policy(steps.observation).log_prob(steps.action)
    np.testing.assert_allclose(steps.log_probability, expected, rtol=1e-5)


def test_what_worlds_tell_learners_alone_comes_along(counting_world, level, start, act):
    class Telling(type(counting_world)):
        def step_env(self, key, state, action, params):
            *outputs, _ = super().step_env(key, state, action, params)
            return *outputs, {"extra": {"doubled": 2 * outputs[1].count}}

    world, policy = Telling(), memoryless(COUNT)
    worlds = reset_worlds(KEY, world, Levels(level), WORKERS)
    *_, experience = rollout(KEY, world, Levels(level), policy, worlds, (), LENGTH)
    doubled = experience.transitions.extra["doubled"]
    np.testing.assert_array_equal(doubled, np.tile([[2], [4], [6], [8], [10], [12]], (1, WORKERS)))
    assert act(KEY, level, COUNT, start(KEY, level))[1].extra == ()


def test_returns_of_episodes_over_several_rollouts():
    random = np.random.default_rng(0)
    reward, ended = random.normal(size=(4, 6, 3)), random.random((4, 6, 3)) < 0.2
    ended[1] = False
    running, by_hand = jnp.zeros(3), np.zeros(3)
    for update in range(4):
        zeros = jnp.zeros((6, 3))
        rollout = Transition(
            observation=(),
            action=zeros,
            log_probability=zeros,
            reward=jnp.asarray(reward[update], jnp.float32),
            terminated=jnp.asarray(ended[update]),
            truncated=zeros.astype(bool),
            next_observation=(),
        )
        running, returns = finished_returns(running, rollout)
        for time in range(6):
            by_hand += reward[update, time]
            expected = np.where(ended[update, time], by_hand, np.nan)
            np.testing.assert_allclose(returns[time], expected, rtol=1e-5, atol=1e-6)
            by_hand[ended[update, time]] = 0
        np.testing.assert_allclose(running, by_hand, rtol=1e-5, atol=1e-6)
    assert ended[3].any()
