"""Agents that live side by side on tasks of a curriculum; as a method, they simply learn."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PRNGKeyArray

from rlsuite.curricula.curriculum import Curriculum, CurriculumState, Proposal
from rlsuite.lifetime import Agent, Life, is_alive
from rlsuite.method import Method, Metrics, mean_reported, single_precision
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import require_counts
from rlsuite.rollout import finished_returns
from rlsuite.scores import Score, ScoreState, evidence_of, no_score
from rlsuite.selection import map_selected
from rlsuite.sharding import apart, spread, together

Companion = Any
"""What is made anew with each agent and lives beside it, such as a value critic that watches it."""


Prepare = Callable[[Agent, Int[Array, ""]], Agent]
"""`(agent, place) -> agent`: what makes a fresh agent one of its place, places counted from 0."""


def as_it_is(agent: Agent, place: Int[Array, ""]) -> Agent:
    """Agents of all places alike."""
    del place
    return agent


class Slot(NamedTuple):
    """One place for an agent: who lives there now, and beside it what came and goes with it."""

    agent: Agent
    companion: Companion
    ticket: Int[Array, "*agent"]
    score: ScoreState

    @property
    def finished(self) -> Bool[Array, "*agent"]:
        """Whether the agent's lifetime is over."""
        return ~is_alive(self.agent)


class Lives(NamedTuple):
    """Keeps slots with agents that are alive. All slots together have a leading `agent` axis.

    Attributes:
      life: how agents live.
      curriculum: which tasks come next.
      score: what the curriculum is told of a task.
      num_agents: how many agents live side by side.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
      init_companion: `key -> companion` of a fresh agent.
      prepare: what makes a fresh agent one of its place.
    """

    life: Life
    curriculum: Curriculum
    score: Score
    num_agents: int
    num_episodes: int
    init_companion: Callable[[PRNGKeyArray], Companion]
    prepare: Prepare = as_it_is

    def begin(
        self, keys: Sequence[PRNGKeyArray], *, stagger: bool, unit: int = 1
    ) -> tuple[Slot, CurriculumState]:
        """Fresh agents everywhere.

        Args:
          keys: four of them.
          stagger: whether the first lives are cut to different lengths, so that agents of every age
            are there from then on, where lifetimes are all the same. The curriculum keeps the tasks
            as they were, so that the first score of a task may speak of a shorter life.
          unit: lives are cut to multiples of this number of updates.
        """
        init_key, propose_key, stagger_key, settle_key = keys
        state = self.curriculum.init(init_key)
        everyone = jnp.ones(self.num_agents, bool)
        state, proposal = self.curriculum.propose(propose_key, state, everyone)
        if stagger:
            proposal = _stagger(stagger_key, proposal, unit)
        settle_keys = jax.random.split(settle_key, self.num_agents)
        places = jnp.arange(self.num_agents)
        return spread(jax.vmap(self.settle)(*spread((settle_keys, proposal, places)))), state

    def settle(self, key: PRNGKeyArray, proposal: Proposal, place: Int[Array, ""]) -> Slot:
        """A slot with a fresh agent on one proposed task."""
        agent_key, companion_key, score_key = jax.random.split(key, 3)
        return Slot(
            agent=self.prepare(self.life.init(agent_key, proposal.task), place),
            companion=self.init_companion(companion_key),
            ticket=proposal.ticket,
            score=self.score.init(score_key, proposal.task),
        )

    def judge(
        self,
        key: PRNGKeyArray,
        slots: Slot,
        state: CurriculumState,
        finished: Bool[Array, " agent"],
    ) -> tuple[CurriculumState, Metrics]:
        """Evaluates and scores the agents whose lives have ended, and tells the curriculum.

        Returns:
          The curriculum's state, and the means over these agents of `agent_return` and `score`
          (NaN where no life has ended) with their number, `lifetimes_ended`.
        """

        def judge_life(key, slot):
            return_key, score_key = jax.random.split(key)
            task = slot.agent.task
            agent_return = self.life.mean_return(return_key, slot.agent, self.num_episodes)
            return agent_return, self.score.value(score_key, slot.score, task, agent_return)

        keys = jax.random.split(key, self.num_agents)
        missing = jnp.full(self.num_agents, jnp.nan)
        judge_lives = apart(partial(map_selected, judge_life))
        returns, scores = judge_lives(finished, (keys, slots), (missing, missing))
        tickets, scores, finished = together((slots.ticket, scores, finished))
        return self.curriculum.report(state, tickets, scores, finished), {
            "agent_return": jnp.nanmean(returns),
            "score": jnp.nanmean(scores),
            "lifetimes_ended": finished.sum().astype(jnp.float32),
        }

    def replace(
        self,
        keys: Sequence[PRNGKeyArray],
        slots: Slot,
        state: CurriculumState,
        finished: Bool[Array, " agent"],
    ) -> tuple[Slot, CurriculumState]:
        """Gives the slots of agents whose lives have ended to fresh ones, on tasks proposed anew.

        Args:
          keys: two of them.
          slots: all slots.
          state: of the curriculum.
          finished: whose lives have ended.
        """
        propose_key, settle_key = keys
        wanted = together(finished)
        # Drawing a level may cost more than all else in a step, and most steps need none.
        _, none = jax.eval_shape(self.curriculum.propose, propose_key, state, wanted)
        state, proposal = jax.lax.cond(
            wanted.any(),
            self.curriculum.propose,
            lambda key, state, wanted: (state, jax.tree.map(_zeros, none)),
            *(propose_key, state, wanted),
        )
        settle_keys = jax.random.split(settle_key, self.num_agents)
        settle = apart(partial(map_selected, self.settle))
        places = jnp.arange(self.num_agents)
        return settle(finished, (settle_keys, proposal, places), slots), state


def _zeros(leaf: jax.ShapeDtypeStruct) -> Array:
    return jnp.zeros(leaf.shape, leaf.dtype)


def _stagger(key: PRNGKeyArray, proposal: Proposal, unit: int) -> Proposal:
    """Cuts each lifetime to a random number of whole units."""
    task = proposal.task
    share = jax.random.uniform(key, task.lifetime.shape)
    units = 1 + jnp.floor(share * (task.lifetime // unit)).astype(jnp.int32)
    lifetime = jnp.minimum(units * unit, task.lifetime)
    return proposal._replace(task=task._replace(lifetime=lifetime))


class LivingState(NamedTuple):
    """Everything that changes. Every leaf of `slots` has a leading `agent` axis.

    A slot's companion is the running returns of the agent's unfinished episodes, `[worker]`.
    """

    key: PRNGKeyArray
    slots: Slot
    curriculum: CurriculumState


def live(
    life: Life,
    curriculum: Curriculum,
    score: Score | None = None,
    *,
    num_agents: int,
    parameters: Parameters = (),
    num_episodes: int = 16,
    stagger: bool = False,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    prepare: Prepare = as_it_is,
) -> Method:
    """Agents that simply learn: a step is one update of every agent.

    An agent whose lifetime ends with a step is evaluated, its task scored and reported to the
    curriculum. Its place goes to a fresh agent on a task the curriculum proposes when the next step
    begins, so that a run of as many steps as a lifetime leaves the trained agents in its state.

    `train(live(life, random_tasks(sample_task), num_agents=8), num_steps)` trains eight agents by
    whatever `life.objective` is: PPO, A2C or, with its learned parameters, an LPG.

    What a score sees of an agent's values is what its objective predicts, if that is a single
    number per state, in the scale of the rewards; else NaN.

    Args:
      life: how agents live.
      curriculum: which tasks come next.
      score: what the curriculum is told of a task; nothing by default.
      num_agents: agents that learn side by side.
      parameters: of the objective, where it has any.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
      stagger: whether the first agents' lives are cut to different lengths.
      discount: of the advantages that a score sees.
      gae_lambda: likewise.
      prepare: what makes a fresh agent one of its place, whenever that place goes to one.

    Returns:
      A method whose state is a `LivingState`. Its metrics are means over agents of what their
      objective reports, with `reward_per_step`, `episode_return` (of the training episodes that
      ended in the step), `agent_return` and `score` (of lives that ended with it),
      `lifetimes_ended`, and those of the curriculum.

    Raises:
      ValueError: if `num_agents` or `num_episodes` is below 1.
    """
    require_counts(num_agents=num_agents, num_episodes=num_episodes)
    score = score or no_score()
    lives = Lives(
        life,
        curriculum,
        score,
        num_agents,
        num_episodes,
        lambda key: jnp.zeros(life.num_workers),
        prepare,
    )

    def init(key):
        key, *keys = jax.random.split(key, 5)
        return LivingState(key, *lives.begin(keys, stagger=stagger))

    def watch(slot, agent, experience):
        """A slot after its agent's update, and the returns of the episodes that ended in it."""
        evidence = evidence_of(
            life.objective,
            slot.agent.learner,
            experience,
            discount=discount,
            gae_lambda=gae_lambda,
        )
        begun = slot.agent.num_updates > 0
        running = jnp.where(begun, slot.companion, life.running_returns(slot.agent))
        running, returns = finished_returns(running, experience.transitions)
        observed = score.observe(slot.score, agent.task, evidence)
        return slot._replace(agent=agent, companion=running, score=observed), returns

    def update(parameters, slots):
        agents, (experience, metrics) = life.update_together(parameters, slots.agent)
        slots, returns = jax.vmap(watch)(slots, agents, experience)
        return slots, experience.transitions.reward, returns, metrics

    def step(state):
        key, judge_key, *keys = jax.random.split(state.key, 4)
        # Whoever has not lived at all was not judged either.
        leaving = state.slots.finished & (state.slots.agent.num_updates > 0)
        slots, curriculum_state = lives.replace(keys, state.slots, state.curriculum, leaving)
        slots, rewards, returns, metrics = apart(update, (None, 0))(parameters, slots)
        curriculum_state, ends = lives.judge(judge_key, slots, curriculum_state, slots.finished)
        return LivingState(key, slots, curriculum_state), {
            **mean_reported(metrics),
            **ends,
            **curriculum.metrics(curriculum_state),
            "reward_per_step": rewards.mean(),
            "episode_return": jnp.nanmean(returns),
        }

    return single_precision(Method(init=init, step=step))
