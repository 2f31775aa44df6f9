"""Learning an objective by the gradient of what agents become after a few updates with it."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.advantages import normalise
from rlsuite.agents import Trainable, TrainState
from rlsuite.curricula.curriculum import Curriculum, CurriculumState
from rlsuite.lifetime import Life
from rlsuite.living import Lives, Slot
from rlsuite.meta.noise import GradientNoise, estimate_noise, no_noise_yet, remember_noise
from rlsuite.method import Method, Metrics, mean_reported, single_precision
from rlsuite.objectives.actor_critic import advantages_and_values, fit_critic
from rlsuite.objectives.objective import Parameters
from rlsuite.requirements import require, require_counts
from rlsuite.rollout import Transition, memories
from rlsuite.scores import Evidence, Score
from rlsuite.sharding import apart, mean_of_parts, num_parts

Regulariser = Callable[[Metrics], Float[Array, ""]]
"""From an agent's metrics, means over its K updates, to what is added to its loss.

Metrics are differentiable in an objective's parameters as far as its update is, so that whatever an
objective reports can be regularised.
"""


def weighted(**weights: float) -> Regulariser:
    """A weighted sum of metrics; with a negative weight a metric is maximised.

    Raises:
      ValueError: once it is given metrics, if it needs one that the objective does not report.
    """

    def regularise(metrics):
        unknown = sorted(set(weights) - set(metrics))
        if unknown:
            raise ValueError(
                f"regulariser: {', '.join(unknown)} is not allowed; it must be one of what the "
                f"objective reports: {', '.join(sorted(metrics))}"
            )
        return sum((weight * metrics[name] for name, weight in weights.items()), jnp.zeros(()))

    return regularise


class MetaState(NamedTuple):
    """Everything that changes. Every leaf of `slots` has a leading `agent` axis.

    A slot's companion is the state of the agent's value critic.
    """

    key: PRNGKeyArray
    parameters: Parameters
    optimiser_state: optax.OptState
    slots: Slot
    curriculum: CurriculumState
    noise: GradientNoise


def meta_gradient(
    life: Life,
    critic: Trainable,
    curriculum: Curriculum,
    score: Score,
    *,
    optimiser: optax.GradientTransformation,
    num_agents: int,
    num_updates: int,
    regulariser: Regulariser | None = None,
    discount: float = 0.99,
    gae_lambda: float = 0.95,
    stagger: bool = True,
    num_mini_batches: int = 1,
    num_episodes: int = 16,
) -> Method:
    r"""Trains an objective's parameters by truncated meta-gradients (LPG, arXiv 2007.08794).

    In each step every agent makes K updates with the objective, rolls out once more, and the
    parameters :math:`\eta` descend

    .. math::
        -E[\log \pi_{\theta_K}(a|s) \hat A] + R

    averaged over agents, where :math:`\hat A` are normalised advantages from a value critic of the
    agent's own, trained on the same rollouts, and :math:`R` regularises what the updates report.
    LPG's is :math:`- \beta_0 H(\pi) - \beta_1 H(y) + \beta_2 \hat\pi^2 + \beta_3 \|\hat y\|^2`.
    The gradient of the mean is one backward pass: agents and workers fold into one batch.

    An agent whose lifetime has ended is evaluated, its task scored and reported to the curriculum,
    and its place given to a fresh agent on a task the curriculum proposes. Lifetimes should be
    multiples of K; others end with the first step that reaches them.

    Where agents are taken in several groups, or shared by devices, the noise of the gradient is
    measured by how much the groups differ, at the cost of a norm each: `gradient_noise_scale`, a
    number of agents (`rlsuite.meta.noise`), of running means of what single steps show. Devices
    make smaller groups, so that this estimate, and it alone, is another one on each number of them.

    Args:
      life: how agents live, with the objective to be learned.
      critic: the value critic, one output and no memory.
      curriculum: which tasks come next.
      score: what the curriculum is told of a task.
      optimiser: steps the parameters.
      num_agents: agents that learn side by side.
      num_updates: agent updates the meta-gradient reaches back through (K).
      regulariser: from an agent's metrics to what is added to its loss; nothing by default.
      discount: of the meta-objective's advantages.
      gae_lambda: likewise.
      stagger: whether the first agents' lives are cut to different lengths, so that agents of every
        age are there from then on, where lifetimes are all the same.
      num_mini_batches: agents are taken in this many groups, one after the other, to save memory;
        the gradient is the same, and from two on its noise is measured.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.

    Returns:
      A method whose state is a `MetaState`.

    Raises:
      ValueError: if a number is below 1, `num_agents` is no multiple of `num_mini_batches`, or the
        critic remembers.
    """
    require_counts(
        num_agents=num_agents,
        num_updates=num_updates,
        num_mini_batches=num_mini_batches,
        num_episodes=num_episodes,
    )
    if jax.tree.leaves(critic.network.init_memory(1)):
        raise ValueError("critic: a network with memory is not allowed; it must have none")
    is_even, divides = num_agents % num_mini_batches == 0, f"a divisor of the {num_agents} agents"
    require(is_even, "num_mini_batches", num_mini_batches, divides)
    regularise = regulariser or weighted()
    lives = Lives(life, curriculum, score, num_agents, num_episodes, critic.init)

    def agent_loss(key, slot, agent, rollouts, metrics):
        """The meta-objective of one agent after its updates, and its slot after the meta-step."""
        agent, last_rollout = life.act(key, agent)
        critic_state, judged = _judge(
            critic,
            slot.companion,
            rollouts.transitions,
            last_rollout.transitions,
            discount=discount,
            gae_lambda=gae_lambda,
        )

        last = last_rollout.transitions
        memory = memories(life.objective.behaviour(agent.learner), last_rollout)
        policy, _ = life.objective.policy(agent.learner, memory, last.observation)
        log_probability = policy.log_prob(last.action)
        metrics = {name: values.mean() for name, values in metrics.items()}
        metrics["policy_loss"] = -(log_probability * normalise(judged.evidence.advantages)).mean()
        loss = metrics["policy_loss"] + regularise(metrics)
        metrics |= {
            "meta_loss": loss,
            "critic_loss": judged.critic_loss,
            "reward_per_step": last.reward.mean(),
        }
        slot = slot._replace(
            agent=agent,
            companion=critic_state,
            score=score.observe(slot.score, agent.task, judged.evidence),
        )
        return loss, (jax.lax.stop_gradient(slot), metrics)

    def batch_loss(parameters, keys, slots):
        def update(agents, _):
            return life.update_together(parameters, agents)

        agents, experience = jax.lax.scan(update, slots.agent, length=num_updates)
        losses, extra = jax.vmap(agent_loss, in_axes=(0, 0, 0, 1, 1))(
            keys, slots, agents, *experience
        )
        return losses.mean(), extra

    def gradient(parameters, keys, slots):
        """The gradient of the mean loss over agents, a mini-batch of them at a time.

        And the mean squared norm of those of the mini-batches.
        """

        def accumulate(total, batch):
            gradients, outputs = jax.grad(batch_loss, has_aux=True)(parameters, *batch)
            squared = optax.tree.norm(gradients, squared=True)
            return jax.tree.map(jnp.add, total, gradients), (outputs, squared)

        num_batches = len(keys) // batch_size(len(keys))
        batches = jax.tree.map(
            lambda leaf: leaf.reshape(num_batches, -1, *leaf.shape[1:]), (keys, slots)
        )
        zeros = jax.tree.map(jnp.zeros_like, parameters)
        total, (outputs, squared) = jax.lax.scan(accumulate, zeros, batches)
        slots, metrics = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), outputs)
        gradients = jax.tree.map(lambda leaf: leaf / num_batches, total)
        return mean_of_parts((gradients, squared.mean())), slots, metrics

    def batch_size(num_here):
        # With several devices each has its part of the agents, and takes no more at a time.
        return math.gcd(num_here, num_agents // num_mini_batches)

    def noise_after(before, gradients, squared_of_parts):
        part = batch_size(num_agents // num_parts())
        if part == num_agents:
            return before, jnp.full((), jnp.nan)
        squared = optax.tree.norm(gradients, squared=True)
        found = estimate_noise(squared_of_parts, squared, part, num_agents)
        noise = remember_noise(before, found)
        return noise, noise.scale

    def init(key):
        key, parameter_key, *keys = jax.random.split(key, 6)
        parameters = life.objective.init_parameters(parameter_key)
        slots, state = lives.begin(keys, stagger=stagger, unit=num_updates)
        optimiser_state = optimiser.init(parameters)
        return MetaState(key, parameters, optimiser_state, slots, state, no_noise_yet())

    def step(state):
        key, act_key, turn_key = jax.random.split(state.key, 3)
        keys = jax.random.split(act_key, num_agents)
        (gradients, squared), slots, metrics = apart(gradient, (None, 0, 0), (None, 0, 0))(
            state.parameters, keys, state.slots
        )
        noise, noise_scale = noise_after(state.noise, gradients, squared)
        updates, optimiser_state = optimiser.update(
            gradients, state.optimiser_state, state.parameters
        )
        judge_key, *replace_keys = jax.random.split(turn_key, 3)
        finished = slots.finished
        curriculum_state, ends = lives.judge(judge_key, slots, state.curriculum, finished)
        slots, curriculum_state = lives.replace(replace_keys, slots, curriculum_state, finished)
        metrics = {
            **mean_reported(metrics),
            **ends,
            **curriculum.metrics(curriculum_state),
            "gradient_norm": optax.tree.norm(gradients),
            "gradient_noise_scale": noise_scale,
        }
        parameters = optax.apply_updates(state.parameters, updates)
        state = MetaState(key, parameters, optimiser_state, slots, curriculum_state, noise)
        return state, metrics

    return single_precision(Method(init=init, step=step))


class Judgement(NamedTuple):
    """What a value critic has to say about one agent's meta-step."""

    evidence: Evidence
    critic_loss: Float[Array, ""]


def _judge(
    critic: Trainable,
    state: TrainState,
    rollouts: Transition,
    last_rollout: Transition,
    *,
    discount: float,
    gae_lambda: float,
) -> tuple[TrainState, Judgement]:
    """Trains the critic on the K rollouts, reads the last one with it, then trains on that too."""

    def fit(state, rollout):
        advantages, values = advantages_and_values(
            critic.network,
            state.parameters,
            (),
            rollout,
            discount=discount,
            gae_lambda=gae_lambda,
        )
        state, loss = fit_critic(critic, state, (), rollout, advantages + values)
        return state, (advantages, values, loss)

    rollouts = jax.tree.map(
        lambda earlier, last: jnp.concatenate([earlier, last[None]]), rollouts, last_rollout
    )
    state, (advantages, values, losses) = jax.lax.scan(fit, state, rollouts)
    reward, ended = (leaf.reshape(-1, leaf.shape[-1]) for leaf in (rollouts.reward, rollouts.ended))
    return state, Judgement(Evidence(reward, ended, advantages[-1], values[-1]), losses[-1])
