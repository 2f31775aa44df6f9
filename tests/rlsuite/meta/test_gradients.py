"""Tests of the meta-gradient with an objective simple enough to differentiate by hand."""

from dataclasses import replace

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.curricula.curriculum import random_tasks
from rlsuite.lifetime import Life, Task
from rlsuite.meta.gradient_config import MetaGradientConfig, meta_gradient_from_config
from rlsuite.meta.gradients import meta_gradient, weighted
from rlsuite.objectives.objective import Objective
from rlsuite.scores import (
    Evidence,
    Score,
    exact_regret,
    l1_value_loss,
    max_monte_carlo,
    no_score,
    positive_value_loss,
)

START, GROWTH = 0.3, 0.02
NUM_WORKERS, ROLLOUT_LENGTH = 3, 5
CONFIG = MetaGradientConfig(
    num_agents=4,
    num_updates=2,
    learning_rate=1e-4,
    # Low, because a linear critic that sees the time can't value what lies beyond a time limit.
    discount=0.5,
    policy_entropy_coefficient=0.7,
    prediction_entropy_coefficient=0.3,
    policy_target_coefficient=0.11,
    prediction_target_coefficient=0.05,
    stagger=False,
    num_episodes=2,
)


def growing_preference():
    """An agent is one number θ, its preference for action 0; an update makes it θ (1 + η)."""

    def policy(learner, memory, observation):
        zeros = jnp.zeros(observation.shape[:-1])
        return distrax.Categorical(jnp.stack([zeros + learner, zeros], axis=-1)), memory

    def update(key, growth, learner, experience, clock):
        learner = learner * (1 + growth)
        return learner, {
            "policy_entropy": learner,
            "prediction_entropy": 2 * learner,
            "policy_target_norm": 3 * learner,
            "prediction_target_norm": 5 * learner,
        }

    return Objective(
        init_parameters=lambda key: jnp.array(GROWTH),
        init=lambda key: START + 0.1 * jax.random.uniform(key),
        policy=policy,
        update=update,
    )


def recorder(config):
    """Several scores at once, of which the first just keeps what it was shown last."""
    steps = (config.num_updates + 1) * ROLLOUT_LENGTH
    others = (
        positive_value_loss(),
        l1_value_loss(),
        max_monte_carlo(NUM_WORKERS, config.discount),
    )

    def init(key, task):
        all_steps = jnp.zeros((steps, NUM_WORKERS))
        last = jnp.zeros((ROLLOUT_LENGTH, NUM_WORKERS))
        return Evidence(all_steps, all_steps > 0, last, last), *(o.init(key, task) for o in others)

    def observe(states, task, evidence):
        pairs = zip(others, states[1:], strict=True)
        return evidence, *(other.observe(state, task, evidence) for other, state in pairs)

    return Score(
        init=init, observe=observe, value=lambda key, states, task, agent_return: jnp.zeros(())
    )


def make(world, config=CONFIG, *, score=None, curriculum=None, lifetime=1000):
    life = Life(world, growing_preference(), NUM_WORKERS, ROLLOUT_LENGTH)
    agent = AgentConfig("perceptron", prediction_learning_rate=0.01, max_gradient_norm=10.0)
    critic = make_agent(world, agent).prediction
    level = world.default_params.replace(goal=3, max_steps_in_episode=4)
    task = Task(jax.tree.map(jnp.asarray, level), jnp.array(lifetime))
    curriculum = curriculum or random_tasks(lambda key: task)
    return meta_gradient_from_config(life, critic, curriculum, score or no_score(), config)


def make_of_values(world, **options):
    """With plain steps of size 1, and no regulariser unless it is among the options."""
    life = Life(world, growing_preference(), NUM_WORKERS, ROLLOUT_LENGTH)
    critic = make_agent(world, AgentConfig("perceptron", max_gradient_norm=10.0)).prediction
    level = world.default_params.replace(goal=3, max_steps_in_episode=4)
    task = Task(jax.tree.map(jnp.asarray, level), jnp.array(1000))
    return meta_gradient(
        life,
        critic,
        random_tasks(lambda key: task),
        no_score(),
        optimiser=optax.sgd(1.0),
        num_agents=4,
        num_updates=2,
        **options,
    )


def run(method, num_steps, key=0):
    """All states and metrics on the way."""
    state, step = jax.jit(method.init)(jax.random.key(key)), jax.jit(method.step)
    states, history = [state], []
    for _ in range(num_steps):
        state, metrics = step(state)
        states.append(state)
        history.append(metrics)
    return states, history


@pytest.fixture(scope="module")
def long_run(counting_world):
    """Sixty steps of agents that outlive them, and what the critic told the score."""
    return run(make(counting_world, score=recorder(CONFIG)), 60)


def by_hand(before, after):
    """Loss and gradient of each agent in a meta-step from one state to the next."""
    starts = np.asarray(before.slots.agent.learner, np.float64)
    rewards, _, advantages, _ = (np.asarray(leaf) for leaf in after.slots.score[0])
    # In this world an action pays if and only if it is 1.
    chose_zero = rewards[:, -ROLLOUT_LENGTH:] == 0
    losses, gradients = [], []
    for start, zero, advantage in zip(starts, chose_zero, advantages, strict=True):
        preferences = start * (1 + GROWTH) ** np.arange(1, CONFIG.num_updates + 1)
        slopes = [k * start * (1 + GROWTH) ** (k - 1) for k in range(1, CONFIG.num_updates + 1)]
        probability = 1 / (1 + np.exp(-preferences[-1]))
        normalised = (advantage - advantage.mean()) / advantage.std()
        log_probability = np.log(np.where(zero, probability, 1 - probability))
        # -0.7 (θ) - 0.3 (2 θ) + 0.11 (3 θ) + 0.05 (5 θ), averaged over the updates.
        regulariser = -0.7 - 0.3 * 2 + 0.11 * 3 + 0.05 * 5
        losses.append(-(log_probability * normalised).mean() + regulariser * preferences.mean())
        gradients.append(
            -((zero - probability) * normalised).mean() * slopes[-1] + regulariser * np.mean(slopes)
        )
    return np.array(losses), np.array(gradients)


def test_loss_and_gradient_equal_the_derivation_by_hand(long_run):
    (before, after, *_), (metrics, *_) = long_run
    losses, gradients = by_hand(before, after)
    np.testing.assert_allclose(metrics["meta_loss"], np.mean(losses), rtol=1e-4)
    np.testing.assert_allclose(metrics["gradient_norm"], abs(np.mean(gradients)), rtol=1e-4)
    # Adam's first step is the learning rate, against the gradient's sign.
    expected = GROWTH - CONFIG.learning_rate * np.sign(np.mean(gradients))
    np.testing.assert_allclose(after.parameters, expected, rtol=1e-5)


def test_agents_become_what_their_updates_make_them(long_run):
    (before, after, *_), _ = long_run
    expected = before.slots.agent.learner * (1 + before.parameters) ** CONFIG.num_updates
    np.testing.assert_allclose(after.slots.agent.learner, expected, rtol=1e-6)
    np.testing.assert_array_equal(after.slots.agent.num_updates, [CONFIG.num_updates] * 4)


def test_the_critic_learns(long_run):
    """Its parameters change and its loss falls."""
    states, history = long_run
    for first, last in zip(
        jax.tree.leaves(states[0].slots.companion.parameters),
        jax.tree.leaves(states[-1].slots.companion.parameters),
        strict=True,
    ):
        assert (first != last).any()
    losses = np.array([metrics["critic_loss"] for metrics in history])
    assert losses[-10:].mean() < 0.5 * losses[:3].mean()


def test_scores_see_the_same_evidence(long_run):
    (_, *states), _ = long_run
    for state in (states[0], states[-1]):
        (*_, advantages, _), positive, absolute, best = state.slots.score
        axes = (1, 2)
        np.testing.assert_allclose(positive, np.maximum(advantages, 0).mean(axes), rtol=1e-5)
        np.testing.assert_allclose(absolute, np.abs(advantages).mean(axes), rtol=1e-5)
        assert np.isfinite(best.regret).all()


def test_the_evidence_holds_the_rewards_of_all_rollouts_in_order(long_run):
    """The world runs on from rollout to rollout, so its rewards tell whether any is missing."""
    (_, after, *_), _ = long_run
    rewards, ended, _, _ = (np.asarray(leaf) for leaf in after.slots.score[0])
    for agent, worker in np.ndindex(4, NUM_WORKERS):
        count = time = 0
        for reward, end in zip(rewards[agent, :, worker], ended[agent, :, worker], strict=True):
            count, time = count + (reward > 0), time + 1
            assert reward in (0, count)
            assert end == (count == 3 or time == 4)
            count, time = (0, 0) if end else (count, time)
        observation = after.slots.agent.worlds.observation[agent, worker]
        np.testing.assert_array_equal(observation, [count, time])


@pytest.fixture(scope="module")
def in_halves(counting_world):
    config = replace(CONFIG, num_mini_batches=2)
    return run(make(counting_world, config, score=recorder(config)), 1)


def test_mini_batches_change_nothing_but_what_is_known_of_noise(in_halves, long_run):
    (_, after), (metrics,) = in_halves
    (_, expected, *_), (expected_metrics, *_) = long_run
    assert np.isnan(expected_metrics["gradient_noise_scale"]) and not any(expected.noise)

    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-6)

    after = after._replace(noise=expected.noise)
    metrics = metrics | {"gradient_noise_scale": expected_metrics["gradient_noise_scale"]}
    jax.tree.map(check, (after, metrics), (expected, expected_metrics))


def test_noise_is_read_off_the_mini_batches(in_halves):
    """From the agents' own gradients by hand: two halves of two agents each."""
    (before, after), (metrics,) = in_halves
    _, gradients = by_hand(before, after)
    halves = gradients.reshape(2, 2).mean(axis=1)
    # Two agents' mean has half of one's variance: that of the halves, without bias, times two.
    trace = 2 * halves.var(ddof=1)
    squared_norm = gradients.mean() ** 2 - trace / 4
    np.testing.assert_allclose(after.noise, np.array([trace, squared_norm]) / 100, rtol=1e-2)
    assert squared_norm > 0
    np.testing.assert_allclose(metrics["gradient_noise_scale"], trace / squared_norm, rtol=1e-2)


def test_mini_batches_of_unequal_size_are_refused(counting_world):
    with pytest.raises(
        ValueError, match=r"meta.num_mini_batches: 3 is not allowed; .* the 4 agents"
    ):
        make(counting_world, replace(CONFIG, num_mini_batches=3))


@pytest.mark.parametrize("name", ["num_agents", "num_updates", "num_mini_batches", "num_episodes"])
def test_there_must_be_some_of_everything_that_is_counted(counting_world, name):
    with pytest.raises(ValueError, match=f"meta.{name}: 0 is not allowed; it must be at least 1"):
        make(counting_world, replace(CONFIG, **{name: 0}))


def test_staggering_cuts_the_first_lifetimes_to_whole_meta_steps(counting_world):
    config = replace(CONFIG, num_agents=400, stagger=True)

    def first_lifetimes(lifetime):
        init = jax.jit(make(counting_world, config, lifetime=lifetime).init)
        return np.asarray(init(jax.random.key(0)).slots.agent.task.lifetime)

    lifetimes = first_lifetimes(10)
    # Five lengths of equal probability; 3.5 standard deviations of a binomial count.
    values, counts = np.unique(lifetimes, return_counts=True)
    np.testing.assert_array_equal(values, [2, 4, 6, 8, 10])
    assert np.abs(counts - 80).max() < 28
    # Lives that are shorter than a meta-step, or end within one.
    np.testing.assert_array_equal(np.unique(first_lifetimes(1)), [1])
    np.testing.assert_array_equal(np.unique(first_lifetimes(5)), [2, 4])


OPTIMUM = 10.0
RATES = (1e-3, 5e-4, 3e-4, 3e-4, 3e-4, 3e-4)


@pytest.fixture(scope="module")
def short_lives(counting_world):
    """Agents of lifetimes 2, 4, 6 and 2, and a curriculum that writes down what it is told.

    Meta-gradients are clipped far below their norms, and the learning rate decays to its floor.
    """
    level = counting_world.default_params.replace(goal=3, max_steps_in_episode=4)
    lifetimes = jnp.array([2, 4, 6, 2])
    tasks = Task(
        jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf), (4,)), level), lifetimes
    )
    plain = random_tasks(lambda key: jax.tree.map(lambda leaf: leaf[0], tasks))

    def propose(key, state, wanted):
        _, proposal = plain.propose(key, (), wanted)
        ticket = jnp.where(wanted, state["next_ticket"] + jnp.arange(4), -1)
        proposal = proposal._replace(task=tasks, ticket=ticket)
        return state | {"next_ticket": state["next_ticket"] + 4, "wanted": wanted}, proposal

    def report(state, tickets, scores, finished):
        return state | {"tickets": tickets, "scores": scores, "finished": finished}

    nothing = jnp.zeros(4, bool)
    curriculum = plain._replace(
        init=lambda key: {
            "next_ticket": jnp.array(0),
            "wanted": nothing,
            "tickets": jnp.zeros(4, int),
            "scores": jnp.zeros(4),
            "finished": nothing,
        },
        propose=propose,
        report=report,
    )
    score = exact_regret(lambda level: jnp.array(OPTIMUM))
    config = replace(
        CONFIG,
        learning_rate=RATES[0],
        learning_rate_decay=0.5,
        min_learning_rate=RATES[-1],
        max_gradient_norm=1e-3,
    )
    return run(make(counting_world, config, score=score, curriculum=curriculum), len(RATES))


ENDS = [
    [True, False, False, True],
    [True, True, False, True],
    [True, False, True, True],
    [True, True, False, True],
    [True, False, False, True],
    [True, True, True, True],
]


def test_agents_are_replaced_when_their_lifetime_has_ended_and_only_then(short_lives):
    states, history = short_lives
    for before, after, metrics, ends in zip(states, states[1:], history, ENDS, strict=False):
        ends = np.array(ends)
        assert metrics["lifetimes_ended"] == ends.sum()
        grown = before.slots.agent.num_updates + CONFIG.num_updates
        np.testing.assert_array_equal(after.slots.agent.num_updates, np.where(ends, 0, grown))
        matured = before.slots.agent.learner * (1 + before.parameters) ** CONFIG.num_updates
        learner = np.asarray(after.slots.agent.learner)
        np.testing.assert_allclose(learner[~ends], matured[~ends], rtol=1e-6)
        assert ((learner >= START) & (learner <= START + 0.1))[ends].all()
        same_key = (
            jax.random.key_data(before.slots.agent.key)
            == jax.random.key_data(after.slots.agent.key)
        ).all(axis=-1)
        np.testing.assert_array_equal(same_key, ~ends)
        tickets = before.slots.ticket, after.slots.ticket
        np.testing.assert_array_equal(tickets[0] == tickets[1], ~ends)
        assert (after.slots.ticket >= 0).all()


def test_fresh_agents_get_fresh_worlds_and_critics(short_lives):
    (_, after, *_), _ = short_lives
    ends = np.array(ENDS[0])
    np.testing.assert_array_equal(after.slots.agent.worlds.observation[ends], 0)
    biases = jax.tree.leaves(after.slots.companion.parameters)[0]
    np.testing.assert_array_equal(biases[ends], 0)
    assert (biases[~ends] != 0).all()


def test_the_curriculum_is_told_of_the_ended_lives_and_asked_for_as_many(short_lives):
    states, history = short_lives
    for before, after, metrics, ends in zip(states, states[1:], history, ENDS, strict=False):
        told = after.curriculum
        np.testing.assert_array_equal(told["finished"], ends)
        np.testing.assert_array_equal(told["wanted"], ends)
        np.testing.assert_array_equal(told["tickets"], before.slots.ticket)
        np.testing.assert_array_equal(np.isfinite(told["scores"]), ends)
        np.testing.assert_allclose(metrics["score"], np.nanmean(told["scores"]), rtol=1e-6)
        np.testing.assert_allclose(metrics["score"] + metrics["agent_return"], OPTIMUM, rtol=1e-6)


def test_clipped_meta_gradients_differ_by_their_sign_alone(short_lives):
    """Far above the limit all gradients have the same norm, so Adam steps by its learning rate.

    That is halved after each step, down to its floor.
    """
    states, history = short_lives
    assert all(metrics["gradient_norm"] > 1e-2 for metrics in history)
    steps = np.diff([float(state.parameters) for state in states])
    np.testing.assert_allclose(steps, RATES, rtol=2e-3)


def test_the_return_of_no_ended_life_is_missing(long_run):
    _, history = long_run
    assert all(np.isnan(metrics["agent_return"]) for metrics in history)
    assert all(np.isfinite(metrics["meta_loss"]) for metrics in history)


@pytest.fixture(scope="module")
def without_regulariser(counting_world):
    return run(make_of_values(counting_world), 1)


def test_any_objective_is_trained_without_a_regulariser_and_by_any_optimiser(without_regulariser):
    """Plain gradient descent moves the parameters by the gradient whose norm is reported."""
    (before, after), (metrics,) = without_regulariser
    np.testing.assert_array_equal(metrics["meta_loss"], metrics["policy_loss"])
    assert metrics["gradient_norm"] > 0
    change = abs(after.parameters - before.parameters)
    np.testing.assert_allclose(change, metrics["gradient_norm"], rtol=1e-4)


def test_a_regulariser_is_any_function_of_what_updates_report(counting_world, without_regulariser):
    """With L = P + θ̄² the gradient differs from that of P by 2 θ̄ dθ̄/dη, averaged over agents."""

    def square(metrics):
        return metrics["policy_entropy"] ** 2

    (before, plain), _ = without_regulariser
    (_, after), (metrics,) = run(make_of_values(counting_world, regulariser=square), 1)
    start = np.asarray(before.slots.agent.learner, np.float64)
    mean = start * ((1 + GROWTH) + (1 + GROWTH) ** 2) / 2
    slope = start * (1 + 2 * (1 + GROWTH)) / 2
    np.testing.assert_allclose(
        metrics["meta_loss"] - metrics["policy_loss"], (mean**2).mean(), rtol=1e-4
    )
    difference = plain.parameters - after.parameters
    np.testing.assert_allclose(difference, (2 * mean * slope).mean(), rtol=1e-3)


def test_weights_name_what_is_reported():
    metrics = {"a": jnp.array(2.0), "b": jnp.array(3.0), "c": jnp.array(5.0)}
    assert weighted(a=0.5, c=-1.0)(metrics) == -4
    assert weighted()(metrics) == 0
    with pytest.raises(ValueError, match=r"regulariser: d, e is not allowed; .* reports: a, b, c"):
        weighted(a=1.0, e=1.0, d=1.0)(metrics)
