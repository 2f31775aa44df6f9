"""Tests of agents that simply learn, by objectives written by hand and learned ones."""

import distrax
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.curricula.buffer import BufferConfig, prioritised_replay
from rlsuite.curricula.curriculum import random_tasks
from rlsuite.drifts import ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.living import live
from rlsuite.method import train
from rlsuite.methods.cheap_talk import life_with_curve
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.objective import Objective
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo
from rlsuite.scores import Evidence, Score, exact_regret, positive_value_loss

NUM_WORKERS, ROLLOUT_LENGTH = 3, 5


def assert_same(first, second):
    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)

    jax.tree.map(check, first, second)


def run(method, num_steps, key=0):
    """All states and metrics on the way."""
    state, step = jax.jit(method.init)(jax.random.key(key)), jax.jit(method.step)
    states, history = [state], []
    for _ in range(num_steps):
        state, metrics = step(state)
        states.append(state)
        history.append(metrics)
    return states, history


# --- Places: who leaves, who comes, what is told ------------------------------------------------


def ageing():
    """An agent is its age, to which each update adds the objective's number; it acts at random.

    In its first update it has nothing to report of what it is then: it is not `grown`.
    """

    def policy(learner, memory, observation):
        return distrax.Categorical(jnp.zeros((*observation.shape[:-1], 2))), memory

    def update(key, pace, learner, experience, clock):
        grown = jnp.where(clock.num_updates > 0, learner, jnp.nan)
        return learner + pace, {"age": learner, "grown": grown}

    return Objective(
        init_parameters=lambda key: jnp.ones(()),
        init=lambda key: jnp.zeros(()),
        policy=policy,
        update=update,
        predict=lambda learner, memory, observation: 10 * learner + observation[..., :1],
    )


def keep_all():
    """A score that is the evidence itself."""
    return Score(
        init=lambda key, task: jax.tree.map(
            lambda kind: jnp.zeros((ROLLOUT_LENGTH, NUM_WORKERS), kind),
            Evidence(jnp.float32, bool, jnp.float32, jnp.float32),
        ),
        observe=lambda state, task, evidence: evidence,
        value=lambda key, state, task, agent_return: jnp.zeros(()),
    )


@pytest.fixture(scope="module")
def counting_life(counting_world):
    return Life(counting_world, ageing(), NUM_WORKERS, ROLLOUT_LENGTH)


def counting_task(world, lifetime):
    level = world.default_params.replace(goal=3, max_steps_in_episode=4)
    return Task(jax.tree.map(jnp.asarray, level), jnp.asarray(lifetime))


@pytest.fixture(scope="module")
def short_lives(counting_world, counting_life):
    """Six steps of agents with lifetimes of 1 to 3, told to a buffer."""

    def sample_task(key):
        return counting_task(counting_world, jax.random.randint(key, (), 1, 4))

    method = live(
        counting_life,
        prioritised_replay(sample_task, BufferConfig(size=16, replay_probability=0.0)),
        exact_regret(lambda level: jnp.array(10.0)),
        num_agents=5,
        parameters=jnp.array(2.0),
        num_episodes=2,
    )
    return run(method, 6)


def test_agents_stay_until_the_step_after_their_last_update(short_lives):
    states, history = short_lives
    for before, after, metrics in zip(states, states[1:], history, strict=False):
        leaving = np.asarray(before.slots.finished) & (before.slots.agent.num_updates > 0)
        ages = np.where(leaving, 0, before.slots.agent.num_updates) + 1
        np.testing.assert_array_equal(after.slots.agent.num_updates, ages)
        np.testing.assert_array_equal(after.slots.agent.learner, 2 * ages)
        np.testing.assert_allclose(metrics["age"], 2 * np.mean(ages - 1), rtol=1e-6)
        lifetimes = after.slots.agent.task.lifetime
        assert (ages <= lifetimes).all()
        assert metrics["lifetimes_ended"] == (ages == lifetimes).sum()
        tickets = before.slots.ticket, after.slots.ticket
        assert (tickets[0] == tickets[1])[~leaving].all()
        keys = [jax.random.key_data(state.slots.agent.key) for state in (before, after)]
        np.testing.assert_array_equal((keys[0] == keys[1]).all(axis=-1), ~leaving)
    assert sum(metrics["lifetimes_ended"] for metrics in history) > 5


def test_means_are_over_the_agents_that_report_something(short_lives):
    """Agents of other ages, or with a replay that is still empty, have nothing to say."""
    states, history = short_lives
    everyone = []
    for after, metrics in zip(states[1:], history, strict=True):
        ages = np.asarray(after.slots.agent.num_updates) - 1
        grown = ages[ages > 0]
        everyone.append(grown.size)
        expected = 2 * grown.mean() if grown.size else np.nan
        np.testing.assert_allclose(metrics["grown"], expected, rtol=1e-6)
    assert everyone[0] == 0 and max(everyone) > 0 and any(0 < one < 5 for one in everyone)


def test_a_place_makes_every_agent_that_comes_to_it_its_own(counting_world, counting_life):
    def prepare(agent, place):
        return agent._replace(learner=agent.learner + 100.0 * place)

    tasks = random_tasks(lambda key: counting_task(counting_world, 2))
    pace = jnp.zeros(())
    method = live(
        counting_life, tasks, num_agents=3, parameters=pace, num_episodes=1, prepare=prepare
    )
    states, _ = run(method, 5)
    for state in states[1:]:
        agent, places = state.slots.agent, np.arange(3)
        np.testing.assert_array_equal(agent.learner, 100 * places)
    # Of each place three lives have begun.
    assert (states[-1].slots.agent.num_updates == 1).all()


def test_the_curriculum_is_told_of_each_life_when_it_ends(short_lives):
    states, history = short_lives
    num_scored = np.cumsum([metrics["lifetimes_ended"] for metrics in history])
    np.testing.assert_array_equal([m["buffer_scored"] for m in history], num_scored)
    for state, metrics in zip(states[1:], history, strict=True):
        ended = np.asarray(state.slots.finished)
        assert np.isfinite(metrics["agent_return"]) == ended.any()
        if ended.any():
            scores = state.curriculum.score[state.slots.ticket[ended]]
            np.testing.assert_allclose(metrics["score"], scores.mean(), rtol=1e-6)
            np.testing.assert_allclose(metrics["agent_return"], 10 - scores.mean(), rtol=1e-5)


@pytest.fixture(scope="module")
def long_lives(counting_world, counting_life):
    """Four steps of agents that outlive them, with all that a score is shown."""
    curriculum = random_tasks(lambda key: counting_task(counting_world, 9))
    method = live(
        counting_life,
        curriculum,
        keep_all(),
        num_agents=2,
        parameters=jnp.array(1.0),
        discount=0.9,
        gae_lambda=0.7,
    )
    return run(method, 4)


def test_returns_of_training_episodes_are_reported_as_they_end(long_lives):
    """Every step of every worker, added up by hand."""
    states, history = long_lives
    running = np.zeros((2, NUM_WORKERS))
    for state, metrics in zip(states[1:], history, strict=True):
        rewards, ended = (np.asarray(leaf) for leaf in state.slots.score[:2])
        finished = []
        for time in range(ROLLOUT_LENGTH):
            running += rewards[:, time]
            finished += running[ended[:, time]].tolist()
            running[ended[:, time]] = 0
        assert finished
        np.testing.assert_allclose(metrics["episode_return"], np.mean(finished), rtol=1e-6)
        np.testing.assert_allclose(metrics["reward_per_step"], rewards.mean(), rtol=1e-6)
        np.testing.assert_array_equal(state.slots.companion, running)


def test_scores_see_values_as_the_agent_predicted_them_before_it_learned(long_lives):
    """An agent of age n values a state with count c at 10 n + c."""
    states, _ = long_lives
    for age, state in enumerate(states[1:]):
        rewards, ended, advantages, values = (np.asarray(leaf) for leaf in state.slots.score)
        counts = values - 10 * age
        assert (counts % 1 == 0).all() and counts.min() >= 0 and counts.max() < 3
        after = counts + (rewards > 0)
        # Reaching 3 terminates; the time limit truncates, and what lies beyond keeps its value.
        error = rewards + 0.9 * np.where(after == 3, 0, 10 * age + after) - values
        expected, following = np.zeros(error.shape), np.zeros((2, NUM_WORKERS))
        for time in reversed(range(ROLLOUT_LENGTH)):
            following = error[:, time] + 0.9 * 0.7 * ~ended[:, time] * following
            expected[:, time] = following
        np.testing.assert_allclose(advantages, expected, rtol=1e-5, atol=1e-5)


def test_where_nothing_like_a_value_is_predicted_scores_see_none(tiny_grid):
    objective = lpg(
        make_agent(tiny_grid, AgentConfig(), 8), LPGConfig(recurrent_width=4, embedding_width=3)
    )
    method = live(
        Life(tiny_grid, objective, 2, 3),
        random_tasks(lambda key: Task(tiny_grid.default_params, jnp.array(1))),
        positive_value_loss(),
        num_agents=2,
        parameters=objective.init_parameters(jax.random.key(0)),
        num_episodes=1,
    )
    _, (metrics,) = run(method, 1)
    assert metrics["lifetimes_ended"] == 2
    assert np.isfinite(metrics["agent_return"]) and np.isnan(metrics["score"])


def test_staggered_agents_are_of_every_age(counting_world, counting_life):
    curriculum = random_tasks(lambda key: counting_task(counting_world, 5))

    def first_lifetimes(stagger):
        method = live(counting_life, curriculum, num_agents=300, stagger=stagger)
        state = jax.jit(method.init)(jax.random.key(0))
        return np.unique(state.slots.agent.task.lifetime, return_counts=True)

    assert first_lifetimes(False)[0].tolist() == [5]
    lifetimes, counts = first_lifetimes(True)
    assert lifetimes.tolist() == [1, 2, 3, 4, 5]
    # 3.5 standard deviations of a binomial count.
    assert np.abs(counts - 60).max() < 25


@pytest.mark.parametrize("name", ["num_agents", "num_episodes"])
def test_too_few_are_refused(counting_life, name):
    options = {"num_agents": 1, "num_episodes": 1, name: 0}
    with pytest.raises(ValueError, match=f"{name}: 0 is not allowed; it must be at least 1"):
        live(counting_life, random_tasks(lambda key: None), **options)


def test_staggered_workers_report_whole_episodes_alone():
    """Each step of this world costs 1; the first episode of a staggered worker is cut short."""
    world, level = gymnax.make("MountainCar-v0")
    level = jax.tree.map(jnp.asarray, level.replace(max_steps_in_episode=20))
    objective = Objective(
        init_parameters=lambda key: (),
        init=lambda key: (),
        policy=lambda learner, memory, observation: (
            distrax.Categorical(jnp.zeros((*observation.shape[:-1], 3))),
            memory,
        ),
        update=lambda key, parameters, learner, experience, clock: (learner, {}),
    )
    life = Life(world, objective, num_workers=8, rollout_length=10, staggered=True)
    method = live(life, random_tasks(lambda key: Task(level, jnp.array(4))), num_agents=2)
    _, metrics = jax.jit(train(method, 8))(jax.random.key(0))
    returns = metrics["episode_return"]
    assert np.isfinite(returns).sum() >= 4
    np.testing.assert_array_equal(returns[np.isfinite(returns)], -20)
    task = Task(level, jnp.array(6))
    _, curve = jax.jit(lambda key: life_with_curve(key, life, task, 6))(jax.random.key(0))
    np.testing.assert_array_equal(curve[-3:], -20)
    np.testing.assert_array_equal(curve[np.isfinite(curve)], -20)


# --- Objectives ---------------------------------------------------------------------------------

CART_POLE, CART_POLE_LEVEL = gymnax.make("CartPole-v1")
SMALL = NetworkConfig("perceptron", (8,), activation="tanh")


def ppo_life():
    objective = ppo(CART_POLE, SMALL, PPOConfig(num_epochs=2, num_mini_batches=2), ppo_clip(0.2), 2)
    return Life(CART_POLE, objective, num_workers=2, rollout_length=8), ()


def a2c_life():
    agent = AgentConfig("perceptron", (8,), optimiser="adam", policy_learning_rate=0.01)
    return Life(CART_POLE, a2c(make_agent(CART_POLE, agent), A2CConfig()), 2, 8), ()


def lpg_life():
    agent = AgentConfig("perceptron", (8,), optimiser="adam", policy_learning_rate=0.01)
    objective = lpg(
        make_agent(CART_POLE, agent, 8), LPGConfig(recurrent_width=8, embedding_width=4)
    )
    return Life(CART_POLE, objective, 2, 8), objective.init_parameters(jax.random.key(7))


REPORTS = {"agent_return", "score", "lifetimes_ended", "reward_per_step", "episode_return"}


@pytest.mark.parametrize("make", [ppo_life, a2c_life, lpg_life])
def test_any_objective_is_lived_by_as_its_lives_are_one_by_one(make):
    """After as many steps as a life has, the trained agents are there: those of `Life.whole`."""
    life, parameters = make()
    task = Task(jax.tree.map(jnp.asarray, CART_POLE_LEVEL), jnp.array(4))
    method = live(
        life, random_tasks(lambda key: task), num_agents=2, parameters=parameters, num_episodes=2
    )
    state, metrics = jax.jit(train(method, 4))(jax.random.key(0))
    assert set(metrics) > REPORTS and "policy_entropy" in metrics
    np.testing.assert_array_equal(metrics["lifetimes_ended"], [0, 0, 0, 2])
    np.testing.assert_array_equal(np.isfinite(metrics["agent_return"]), [False] * 3 + [True])
    np.testing.assert_array_equal(metrics["reward_per_step"], 1)
    assert np.isfinite(metrics["episode_return"]).any()

    def alone(agent):
        return life.updates(parameters, agent, 4)[0]

    start = jax.jit(method.init)(jax.random.key(0)).slots.agent
    for x, y in zip(
        jax.tree.leaves(jax.jit(jax.vmap(alone))(start).learner),
        jax.tree.leaves(state.slots.agent.learner),
        strict=True,
    ):
        np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5)


def test_seeds_side_by_side_and_a_state_taken_up_again():
    life, _ = ppo_life()
    task = Task(jax.tree.map(jnp.asarray, CART_POLE_LEVEL), jnp.array(3))
    method = live(life, random_tasks(lambda key: task), num_agents=2, num_episodes=2)
    keys = jax.random.split(jax.random.key(1), 2)
    init, step = (jax.jit(jax.vmap(function)) for function in method)
    states = [init(keys)]
    for _ in range(4):
        states.append(step(states[-1])[0])
    assert_same(step(step(jax.tree.map(jnp.copy, states[2]))[0])[0], states[4])
    whole, _ = jax.jit(jax.vmap(train(method, 4)))(keys)
    assert (whole.slots.agent.num_updates == states[4].slots.agent.num_updates).all()


def test_ppo_learns_to_balance():
    """Agents of one run: their training episodes grow, and so does what they have become."""
    config = PPOConfig(learning_rate=3e-3, num_epochs=4, num_mini_batches=2)
    network = NetworkConfig("perceptron", (16,), activation="tanh")
    life = Life(CART_POLE, ppo(CART_POLE, network, config, ppo_clip(0.2), 8), 8, 32)
    level = jax.tree.map(jnp.asarray, CART_POLE_LEVEL.replace(max_steps_in_episode=100))
    task = Task(level, jnp.array(40))
    method = live(life, random_tasks(lambda key: task), num_agents=4, num_episodes=8)
    _, metrics = jax.jit(train(method, 40))(jax.random.key(0))
    curve = metrics["episode_return"]
    assert np.isfinite(curve[1:]).all()
    assert curve[:5].mean() < 30
    assert curve[-5:].mean() > 60
    assert metrics["agent_return"][-1] > 60
