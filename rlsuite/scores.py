"""How much a task is worth training on: scores of agents' lifetimes, one type for all of them."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from rlsuite.advantages import generalised_advantage
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.objective import Learner, Objective
from rlsuite.rollout import Experience, OptimalReturn, add_reward, memories

ScoreState = Any


class Evidence(NamedTuple):
    """What one meta-step saw of one agent.

    Attributes:
      rewards: of all rollouts of the meta-step, one after the other.
      ended: whether each step ended its episode.
      advantages: generalised advantages of the last rollout, not normalised.
      values: the value critic's, on the last rollout.
    """

    rewards: Float[Array, "step worker"]
    ended: Bool[Array, "step worker"]
    advantages: Float[Array, "time worker"]
    values: Float[Array, "time worker"]


def evidence_of(
    objective: Objective,
    learner: Learner,
    experience: Experience,
    *,
    discount: float,
    gae_lambda: float,
) -> Evidence:
    """What a rollout shows of its agent, by the agent's own predictions.

    These are numbers if the objective predicts a single one for each state, else NaN.
    """
    steps = experience.transitions
    values, next_values = _values(objective, learner, experience)
    advantages = generalised_advantage(
        steps.reward,
        values,
        next_values,
        steps.terminated,
        steps.truncated,
        discount=discount,
        gae_lambda=gae_lambda,
    )
    return Evidence(steps.reward, steps.ended, advantages, values)


def _values(objective: Objective, learner: Learner, experience: Experience) -> PyTree:
    """Predicted values of what was acted on and of what came next; NaN where none are predicted."""
    if objective.values is not None:
        return objective.values(learner, experience)
    steps = experience.transitions
    missing = jnp.full(steps.reward.shape, jnp.nan)
    if objective.predict is None:
        return missing, missing
    policy = objective.behaviour(learner)
    memory = memories(policy, experience)
    _, after = policy.act(memory, steps.observation)
    values = objective.predict(learner, memory, steps.observation)
    if values.shape[-1] != 1:
        return missing, missing
    next_values = objective.predict(learner, after, steps.next_observation)
    return values[..., 0], next_values[..., 0]


class Score(NamedTuple):
    """How a task is scored, for a single agent; vmapped over agents.

    Attributes:
      init: `(key, task) -> state`, when an agent starts on the task.
      observe: `(state, task, evidence) -> state`, after every meta-step.
      value: `(key, state, task, agent_return) -> score`, once the lifetime has ended.
    """

    init: Callable[[PRNGKeyArray, Task], ScoreState]
    observe: Callable[[ScoreState, Task, Evidence], ScoreState]
    value: Callable[[PRNGKeyArray, ScoreState, Task, Float[Array, ""]], Float[Array, ""]]


def no_score() -> Score:
    """Scores nothing, for curricula that don't ask: every score is NaN, nothing to report."""
    return Score(
        init=lambda key, task: (),
        observe=lambda state, task, evidence: state,
        value=lambda key, state, task, agent_return: jnp.full((), jnp.nan),
    )


def as_told() -> Score:
    """The return that it is told, where whoever reports has a measure of its own."""
    return no_score()._replace(value=lambda key, state, task, agent_return: agent_return)


def algorithmic_regret(antagonist: Life, num_updates: int, num_episodes: int) -> Score:
    """Return of a hand-written antagonist minus the agent's (GROOVE, arXiv 2310.02782, section 4).

    The antagonist lives on the same task for the same lifetime, in lockstep with the agent:
    `num_updates` updates per meta-step. So its cost is even and nothing is computed twice.

    Args:
      antagonist: how the antagonist lives; its objective has no parameters of its own.
      num_updates: updates the agent gets per meta-step.
      num_episodes: evaluation episodes behind the antagonist's return.
    """

    def observe(agent, task, evidence):
        del task, evidence
        return antagonist.updates((), agent, num_updates)[0]

    def value(key, agent, task, agent_return):
        del task
        return antagonist.mean_return(key, agent, num_episodes) - agent_return

    return Score(init=antagonist.init, observe=observe, value=value)


def regret_of_beginners(
    antagonist: Life, num_episodes: int
) -> Callable[[PRNGKeyArray, Task], Float[Array, ""]]:
    """Algorithmic regret of an agent that has learned nothing: what there is to learn on a task.

    The return of a hand-written antagonist at the end of its life minus that at its beginning,
    before anything else was trained.

    Args:
      antagonist: as `algorithmic_regret` takes it.
      num_episodes: evaluation episodes behind each of the two returns.
    """

    def regret(key, task):
        life_key, before_key, after_key = jax.random.split(key, 3)
        before = antagonist.mean_return(before_key, antagonist.init(life_key, task), num_episodes)
        grown = antagonist.whole(life_key, (), task)
        return antagonist.mean_return(after_key, grown, num_episodes) - before

    return regret


def exact_regret(optimal_return: OptimalReturn) -> Score:
    """The optimal return of the level minus the agent's, where a solver knows the optimum."""

    def value(key, state, task, agent_return):
        return optimal_return(task.level) - agent_return

    return no_score()._replace(value=value)


def positive_value_loss() -> Score:
    r"""Mean of :math:`\max(\hat A_t, 0)` in the last rollout (arXiv 2110.02439, section 4)."""
    return _of_last_advantages(lambda advantages: jnp.maximum(advantages, 0.0).mean())


def l1_value_loss() -> Score:
    r"""Mean of :math:`|\hat A_t|` in the last rollout (Jiang et al., arXiv 2010.03934)."""
    return _of_last_advantages(lambda advantages: jnp.abs(advantages).mean())


def _of_last_advantages(statistic: Callable[[Array], Array]) -> Score:
    return Score(
        init=lambda key, task: jnp.zeros(()),
        observe=lambda state, task, evidence: statistic(evidence.advantages),
        value=lambda key, state, task, agent_return: state,
    )


class BestReturn(NamedTuple):
    """Running discounted returns of each worker's episode, and the best finished one so far."""

    running: Float[Array, " worker"]
    discount: Float[Array, " worker"]
    best: Float[Array, ""]
    regret: Float[Array, ""]


def max_monte_carlo(num_workers: int, discount: float, *, from_start: bool = False) -> Score:
    r"""Mean of :math:`R_{max} - V(s_t)` in the last rollout (arXiv 2110.02439, section 4).

    :math:`R_{max}` is the best return of an episode on this task so far, discounted from the
    episode's start because that is what the critic's values estimate. Until an episode has ended,
    the best running return stands in for it. Workers must start with their episodes: of staggered
    ones the first return is only a part.

    Args:
      num_workers: parallel worlds of each agent.
      discount: of future rewards.
      from_start: whether every rollout starts with an episode, as where a student is put on levels
        again and again; else it goes on where the one before stopped.
    """

    def init(key, task):
        zeros = jnp.zeros(num_workers)
        return BestReturn(zeros, zeros + 1, jnp.asarray(-jnp.inf), jnp.zeros(()))

    def step(state, inputs):
        reward, ended = inputs
        running = state.running + state.discount * reward
        best = jnp.maximum(state.best, jnp.max(running, where=ended, initial=-jnp.inf))
        return state._replace(
            running=jnp.where(ended, 0.0, running),
            discount=jnp.where(ended, 1.0, state.discount * discount),
            best=best,
        ), None

    def observe(state, task, evidence):
        if from_start:
            fresh = init(None, task)
            state = state._replace(running=fresh.running, discount=fresh.discount)
        state, _ = jax.lax.scan(step, state, (evidence.rewards, evidence.ended))
        best = jnp.where(jnp.isneginf(state.best), state.running.max(), state.best)
        return state._replace(regret=(best - evidence.values).mean())

    return Score(
        init=init,
        observe=observe,
        value=lambda key, state, task, agent_return: state.regret,
    )


def learnability(
    successes: Int[Array, "*level"] | Float[Array, "*level"],
    episodes: Int[Array, "*level"] | Float[Array, "*level"],
) -> Float[Array, "*level"]:
    r"""How much a student that succeeds with probability p can learn: p (1 - p), without bias.

    Of :math:`m` episodes with a share :math:`\hat p` of successes it is

    .. math:: \frac{m}{m - 1} \hat p (1 - \hat p)

    (Rutherford et al., arXiv 2408.15099, section 4, has p (1 - p), which is too low by that factor
    in the mean where p is estimated.) One episode, or none, says nothing: it is 0.
    """
    share = successes / jnp.maximum(episodes, 1)
    return episodes / jnp.maximum(episodes - 1, 1) * share * (1 - share)


class Attempts(NamedTuple):
    """Running returns of each worker's episode, and what is known of those that have ended."""

    running: Float[Array, " worker"]
    successes: Float[Array, ""]
    episodes: Float[Array, ""]


def learnable(num_workers: int, *, from_start: bool = False, memory: float = 0.0) -> Score:
    r"""How much there is to learn, p (1 - p), as one expects it after so many episodes.

    An episode is a success if its return is positive. Of :math:`s` successes and :math:`f` failures
    it is the mean over what :math:`p` may be, where any was as likely before:

    .. math:: E[p (1 - p)] = \frac{(s + 1) (f + 1)}{(s + f + 2) (s + f + 3)}

    So a level of which nothing is known yet, or one episode alone, has 1/6, between what is always
    or never solved and what is solved sometimes. `learnability` would have 0 of it, and a rollout
    that is hardly longer than an episode may hold no more than one. Workers must start with their
    episodes, as those of `max_monte_carlo`: of staggered ones the first return is only a part.

    Args:
      num_workers: parallel worlds of each agent.
      from_start: as `max_monte_carlo` takes it.
      memory: what the episodes of one visit count at the next, of which they would count 1 if they
        were of that one: 0 counts those of the last meta-step or rollout alone.
    """

    def init(key, task):
        return Attempts(jnp.zeros(num_workers), jnp.zeros(()), jnp.zeros(()))

    def count(running, inputs):
        reward, ended = inputs
        running, returned = add_reward(running, reward, ended)
        return running, jnp.stack([returned > 0, ended])

    def observe(state, task, evidence):
        start = jnp.zeros(num_workers) if from_start else state.running
        running, counted = jax.lax.scan(count, start, (evidence.rewards, evidence.ended))
        successes, episodes = counted.sum(axis=(0, 2))
        return Attempts(
            running, memory * state.successes + successes, memory * state.episodes + episodes
        )

    def value(key, state, task, agent_return):
        failures = state.episodes - state.successes
        known = (state.episodes + 2) * (state.episodes + 3)
        return (state.successes + 1) * (failures + 1) / known

    return Score(init=init, observe=observe, value=value)
