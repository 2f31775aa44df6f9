"""Tests of the scores of lifetimes against computations of their own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.actor_critic import A2CConfig, a2c
from rlsuite.scores import (
    Evidence,
    algorithmic_regret,
    exact_regret,
    l1_value_loss,
    learnability,
    learnable,
    max_monte_carlo,
    no_score,
    positive_value_loss,
    regret_of_beginners,
)

KEY = jax.random.key(0)


NUM_UPDATES, LIFETIMES = 2, (2, 6, 4)


def test_antagonists_in_lockstep_are_those_trained_separately(tiny_grid):
    agent = AgentConfig(policy_learning_rate=3.0, prediction_learning_rate=1.0)
    life = Life(
        tiny_grid, a2c(make_agent(tiny_grid, agent), A2CConfig()), num_workers=3, rollout_length=5
    )
    level = tiny_grid.default_params.replace(max_steps_in_episode=jnp.int32(6))
    levels = jax.vmap(lambda start: level.replace(start=start))(jnp.array([0, 1, 4]))
    tasks = Task(levels, jnp.array(LIFETIMES))
    keys = jax.random.split(KEY, 3)

    score = algorithmic_regret(life, NUM_UPDATES, num_episodes=4)
    observe = jax.jit(jax.vmap(lambda state, task: score.observe(state, task, None)))
    regret = jax.jit(score.value)
    alone = jax.jit(lambda key, task: life.whole(key, (), task))
    mean_return = jax.jit(lambda agent: life.mean_return(KEY, agent, 4))

    history = [jax.jit(jax.vmap(score.init))(keys, tasks)]
    for _ in range(max(LIFETIMES) // NUM_UPDATES):
        history.append(observe(history[-1], tasks))

    for i, lifetime in enumerate(LIFETIMES):
        task, ended = jax.tree.map(
            lambda leaf, i=i: leaf[i], (tasks, history[lifetime // NUM_UPDATES])
        )
        expected = alone(keys[i], task)
        assert ended.num_updates == expected.num_updates == lifetime
        jax.tree.map(
            lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6),
            (ended.learner, ended.worlds),
            (expected.learner, expected.worlds),
        )
        result = regret(KEY, ended, task, 0.25)
        np.testing.assert_allclose(result, mean_return(expected) - 0.25, rtol=1e-6)


def test_beginners_regret_what_there_is_to_learn(tiny_grid):
    """Nothing without a single update, nor on a level that pays nothing."""
    objective = a2c(make_agent(tiny_grid, AgentConfig(policy_learning_rate=20.0)), A2CConfig())
    regret = regret_of_beginners(Life(tiny_grid, objective, 8, 8), num_episodes=64)
    level = tiny_grid.default_params.replace(start=jnp.int32(4), max_steps_in_episode=jnp.int32(6))
    barren = level.replace(type_reward=jnp.zeros_like(level.type_reward))
    levels = jax.tree.map(lambda *leaves: jnp.stack(leaves), level, level, barren)
    tasks = Task(levels, jnp.array([0, 40, 40]))
    unborn, learned, nothing = jax.jit(jax.vmap(regret))(
        jax.random.split(jax.random.key(0), 3), tasks
    )
    assert nothing == 0.0
    assert learned > unborn + 0.1


def test_exact_regret_is_the_optimum_minus_the_return():
    score = exact_regret(lambda level: 3.0 * level)
    task = Task(jnp.array(2.0), jnp.array(1))
    state = score.observe(score.init(KEY, task), task, None)
    assert score.value(KEY, state, task, jnp.array(1.5)) == 4.5


def test_no_score_is_nothing_to_report():
    score = no_score()
    task = Task(jnp.array(2.0), jnp.array(1))
    assert jnp.isnan(score.value(KEY, score.init(KEY, task), task, jnp.array(1.5)))


def make_evidence(seed, length=5, num_workers=3, end_probability=0.2):
    random = np.random.default_rng(seed)
    shape = (length, num_workers)
    return Evidence(
        rewards=random.normal(size=(2 * length, num_workers)).astype(np.float32),
        ended=random.random((2 * length, num_workers)) < end_probability,
        advantages=random.normal(size=shape).astype(np.float32),
        values=random.normal(size=shape).astype(np.float32),
    )


@pytest.mark.parametrize(
    ("make_score", "expected"),
    [
        (positive_value_loss, lambda advantages: advantages[advantages > 0].sum()),
        (l1_value_loss, lambda advantages: abs(advantages).sum()),
    ],
)
def test_value_losses_are_of_the_last_rollout(make_score, expected):
    score, task = make_score(), Task(jnp.array(0.0), jnp.array(4))
    state = score.init(KEY, task)
    for seed in range(3):
        evidence = make_evidence(seed)
        state = score.observe(state, task, evidence)
    result = score.value(KEY, state, task, jnp.array(100.0))
    advantages = evidence.advantages
    np.testing.assert_allclose(result, expected(advantages) / advantages.size, rtol=1e-5)


def best_return_by_hand(history, discount):
    """The best discounted return of a finished episode, of any worker, over all meta-steps."""
    rewards = np.concatenate([evidence.rewards for evidence in history])
    ended = np.concatenate([evidence.ended for evidence in history])
    finished, unfinished = [], []
    for worker in range(rewards.shape[1]):
        episode = []
        for reward, end in zip(rewards[:, worker], ended[:, worker], strict=True):
            episode.append(reward)
            if end:
                finished.append(sum(discount**i * r for i, r in enumerate(episode)))
                episode = []
        unfinished.append(sum(discount**i * r for i, r in enumerate(episode)))
    return max(finished) if finished else max(unfinished)


@pytest.mark.parametrize("end_probability", [0.0, 0.1, 1.0])
def test_max_monte_carlo_is_the_best_return_minus_the_values(end_probability):
    score, task = max_monte_carlo(3, discount=0.9), Task(jnp.array(0.0), jnp.array(4))
    state, observe = score.init(KEY, task), jax.jit(score.observe)
    history = []
    for seed in range(4):
        history.append(make_evidence(seed, end_probability=end_probability))
        state = observe(state, task, history[-1])
        result = score.value(KEY, state, task, jnp.array(100.0))
        expected = best_return_by_hand(history, 0.9) - history[-1].values.mean()
        np.testing.assert_allclose(result, expected, rtol=1e-4)


@pytest.mark.parametrize(
    "make_score", [positive_value_loss, l1_value_loss, lambda: max_monte_carlo(3, 0.9)]
)
@pytest.mark.parametrize("spoilt", ["rewards", "advantages", "values"])
def test_scores_of_what_is_no_number_are_no_numbers(make_score, spoilt):
    """So that the buffer knows: a plausible score would hide them."""
    score, task = make_score(), Task(jnp.array(0.0), jnp.array(4))
    evidence = make_evidence(0, end_probability=1.0)
    read = ("rewards", "values") if hasattr(score.init(KEY, task), "best") else ("advantages",)
    getattr(evidence, spoilt)[1, 1] = np.nan
    result = score.value(
        KEY, score.observe(score.init(KEY, task), task, evidence), task, jnp.array(1.0)
    )
    assert np.isnan(result) == (spoilt in read)


def test_learnability_is_unbiased_and_one_episode_says_nothing():
    """Its mean over all outcomes of m attempts is p (1 - p), for any m but one."""
    for attempts in (2, 3, 7):
        successes = np.arange(attempts + 1)
        for p in (0.0, 0.2, 0.5, 1.0):
            chances = scipy.stats.binom.pmf(successes, attempts, p)
            values = learnability(jnp.asarray(successes), jnp.full(attempts + 1, attempts))
            np.testing.assert_allclose(chances @ np.asarray(values), p * (1 - p), atol=1e-6)
    assert learnability(jnp.array([0, 1, 0]), jnp.array([1, 1, 0])).tolist() == [0, 0, 0]


def test_learnable_counts_the_episodes_of_the_last_rollout():
    rewards = jnp.array([[0.0, 1.0], [0.5, 0.0], [0.0, 0.0], [0.0, 0.3]])
    ended = jnp.array([[False, True], [True, False], [False, True], [True, False]])
    evidence = Evidence(rewards, ended, rewards, rewards)
    score, task = learnable(2, from_start=True), Task(jnp.array(0.0), jnp.array(1))
    state = score.observe(score.init(KEY, task), task, evidence)
    # Four episodes ended, of which the first of each worker paid.
    np.testing.assert_allclose(score.value(KEY, state, task, jnp.nan), 3 * 3 / (6 * 7), rtol=1e-6)
    # The same again: at a memory of a half, they count once and a half.
    for memory, number in ((0.0, 2), (0.5, 3), (1.0, 4)):
        score = learnable(2, from_start=True, memory=memory)
        again = score.observe(state, task, evidence)
        expected = (number + 1) ** 2 / ((2 * number + 2) * (2 * number + 3))
        np.testing.assert_allclose(score.value(KEY, again, task, jnp.nan), expected, rtol=1e-6)


def test_learnable_is_what_one_expects_of_a_probability_that_may_be_anything():
    """By numbers: the mean of p (1 - p), weighted by how likely p makes what was seen."""
    score, task = learnable(1), Task(jnp.array(0.0), jnp.array(1))
    p = (np.arange(20_000) + 0.5) / 20_000
    for successes, failures in ((0, 0), (0, 1), (1, 0), (3, 1), (0, 8)):
        state = score.init(KEY, task)._replace(
            successes=jnp.float32(successes), episodes=jnp.float32(successes + failures)
        )
        likely = p**successes * (1 - p) ** failures
        expected = (likely * p * (1 - p)).sum() / likely.sum()
        np.testing.assert_allclose(score.value(KEY, state, task, jnp.nan), expected, rtol=1e-4)


def test_episodes_that_go_on_are_judged_by_their_whole_return():
    score, task = learnable(1), Task(jnp.array(0.0), jnp.array(1))
    nothing, paid = jnp.zeros((3, 1)), jnp.array([[0.0], [0.0], [0.5]])
    ends = jnp.array([[True], [False], [False]])
    state = score.observe(score.init(KEY, task), task, Evidence(paid, ends, paid, paid))
    # The reward of the meta-step before makes the first a success, the second fails.
    both = jnp.array([[True], [False], [True]])
    state = score.observe(state, task, Evidence(nothing, both, nothing, nothing))
    np.testing.assert_allclose(score.value(KEY, state, task, jnp.nan), 2 * 2 / (4 * 5), rtol=1e-6)


def test_the_best_return_outlives_rollouts_that_start_anew():
    """R_max is of all visits; what is left of an unfinished episode counts for nothing."""
    score, task = max_monte_carlo(1, 0.5, from_start=True), Task(jnp.array(0.0), jnp.array(1))
    state = score.init(KEY, task)

    def visit(state, rewards, ended):
        rewards, ended = jnp.array(rewards)[:, None], jnp.array(ended)[:, None]
        return score.observe(state, task, Evidence(rewards, ended, rewards, 0 * rewards + 0.25))

    state = visit(state, [0.0, 1.0, 8.0], [False, True, False])
    np.testing.assert_allclose(score.value(KEY, state, task, 0.0), 0.5 - 0.25)
    # Had the episode gone on, its 8 would be in the return.
    state = visit(state, [0.0, 0.0, 1.0], [False, False, True])
    np.testing.assert_allclose(score.value(KEY, state, task, 0.0), 0.5 - 0.25)


def test_a_deterministic_optimal_student_with_exact_values_has_no_regret():
    """At a discount of one, values are what is still to come, and that is the best return."""
    score, task = max_monte_carlo(1, 1.0, from_start=True), Task(jnp.array(0.0), jnp.array(1))
    rewards, ended = jnp.zeros((6, 1)).at[jnp.array([2, 5])].set(0.7), jnp.zeros((6, 1), bool)
    ended = ended.at[jnp.array([2, 5])].set(True)
    evidence = Evidence(rewards, ended, rewards, jnp.full((6, 1), 0.7))
    state = score.observe(score.init(KEY, task), task, evidence)
    np.testing.assert_allclose(score.value(KEY, state, task, 0.7), 0.0, atol=1e-6)
