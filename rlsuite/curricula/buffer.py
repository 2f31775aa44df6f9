"""Prioritised replay of levels: a buffer of scored tasks, sampled by how much they matter."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.curricula.curriculum import Curriculum, Proposal, SampleTask
from rlsuite.lifetime import Task
from rlsuite.ranges import Count, Fraction, Positive


@dataclass(frozen=True)
class BufferConfig:
    """How tasks are kept and replayed.

    Attributes:
      size: tasks kept.
      replay_probability: that a new task is replayed from the buffer, not drawn anew.
      prioritisation: by the `rank` of a task's score, or `proportional` to the exponential of it.
      temperature: the lower, the more the highest scores are preferred.
      staleness: the weight of a task's age since it was last scored in its priority.
    """

    size: Count = 4000
    replay_probability: Fraction = 0.5
    prioritisation: Literal["rank", "proportional"] = "rank"
    temperature: Positive = 1.0
    staleness: Fraction = 0.0


class Buffer(NamedTuple):
    """Tasks with what is known of them. A slot is empty, being played, or scored and idle."""

    task: Task
    score: Float[Array, " slot"]
    is_scored: Bool[Array, " slot"]
    is_playing: Bool[Array, " slot"]
    last_scored: Int[Array, " slot"]
    num_reports: Int[Array, ""]
    num_drawn: Int[Array, ""]
    num_replayed: Int[Array, ""]


def replay_log_weights(
    scores: Float[Array, " slot"],
    ages: Float[Array, " slot"],
    eligible: Bool[Array, " slot"],
    config: BufferConfig,
) -> Float[Array, " slot"]:
    r"""Logarithms of the replay probabilities, minus infinity where not eligible.

    By rank, :math:`P_S \propto \mathrm{rank}(s)^{-1/\beta}` (the highest score has rank 1);
    proportional, :math:`P_S \propto \exp(s/\beta)`, as GROOVE has it. With staleness
    :math:`\rho` the probability is :math:`(1-\rho) P_S + \rho P_C`, where :math:`P_C` is
    proportional to the age of the score (Jiang et al., arXiv 2010.03934, section 3.2).
    """
    masked_scores = jnp.where(eligible, scores, -jnp.inf)
    if config.prioritisation == "rank":
        ranks = jnp.argsort(jnp.argsort(-masked_scores)) + 1
        logits = -jnp.log(ranks) / config.temperature
    else:
        logits = masked_scores / config.temperature
    by_score = jax.nn.log_softmax(logits, where=eligible)
    by_score = jnp.where(eligible, by_score, -jnp.inf)
    if config.staleness == 0.0:
        return by_score
    by_age = jnp.where(eligible, ages, 0.0)
    by_age = by_age / jnp.maximum(by_age.sum(), 1.0)
    mixed = (1 - config.staleness) * jnp.exp(by_score) + config.staleness * by_age
    # Probabilities that vanish stay finite here, so that they come before what is not eligible.
    return jnp.where(eligible, jnp.maximum(jnp.log(mixed), -1e30), -jnp.inf)


def choose_replays(
    key: PRNGKeyArray, log_weights: Float[Array, " slot"], num: int
) -> Int[Array, " num"]:
    """Draws `num` different slots with the given log probabilities (the Gumbel-top-k trick).

    They come in the order they were drawn in, so that the first `n` are a draw of `n`; once
    nothing eligible is left, what follows has no meaning.
    """
    return jax.lax.top_k(log_weights + jax.random.gumbel(key, log_weights.shape), num)[1]


def choose_victims(buffer: Buffer, kept: Bool[Array, " slot"], num: int) -> Int[Array, " num"]:
    """The `num` slots fresh tasks should take: empty ones first, then those of lowest score.

    Slots being played or `kept` are never among them while `num` others exist.
    """
    order = jnp.where(buffer.is_scored, buffer.score, -jnp.inf)
    order = jnp.where(buffer.is_playing | kept, jnp.inf, order)
    # Two keys: a score of plus infinity must still come before what may not be touched.
    return jnp.lexsort((order, buffer.is_playing | kept))[:num]


def _hand_out(
    slots: Int[Array, " agent"], wanted: Bool[Array, " agent"], num_slots: Int[Array, ""] | int
) -> tuple[Bool[Array, " agent"], Int[Array, " agent"]]:
    """Gives the first slots, in order, to the agents that want one, while there are any."""
    place = jnp.cumsum(wanted) - 1
    return wanted & (place < num_slots), slots[place]


def prioritised_replay(sample_task: SampleTask, config: BufferConfig) -> Curriculum:
    """A curriculum over a buffer of scored tasks (Jiang et al., arXiv 2010.03934; 2310.02782).

    A wanted task is replayed with `replay_probability`, else drawn anew; a fresh one takes an
    empty slot of the buffer or that of the lowest score. A task that is being played is neither
    replayed nor replaced, so no two agents share one. As long as fewer tasks are scored and idle
    than are to be replayed, the rest are drawn anew.

    The buffer must hold at least twice as many tasks as there are agents; `propose` raises a
    ValueError otherwise.
    """

    def init(key):
        task = jax.vmap(sample_task)(jax.random.split(key, config.size))
        no = jnp.zeros(config.size, bool)
        zero = jnp.zeros((), jnp.int32)
        return Buffer(
            task=task,
            score=jnp.zeros(config.size),
            is_scored=no,
            is_playing=no,
            last_scored=jnp.zeros(config.size, jnp.int32),
            num_reports=zero,
            num_drawn=zero,
            num_replayed=zero,
        )

    def propose(key, buffer, wanted):
        num_agents = wanted.size
        if config.size < 2 * num_agents:
            raise ValueError(
                f"buffer.size: {config.size} is not allowed; it must be at least twice the "
                f"{num_agents} agents"
            )
        coin_key, choice_key, sample_key = jax.random.split(key, 3)
        eligible = buffer.is_scored & ~buffer.is_playing
        ages = (buffer.num_reports - buffer.last_scored).astype(jnp.float32)
        log_weights = replay_log_weights(buffer.score, ages, eligible, config)
        replays = choose_replays(choice_key, log_weights, num_agents)
        coins = jax.random.bernoulli(coin_key, config.replay_probability, wanted.shape)
        is_replay, replay_ticket = _hand_out(replays, wanted & coins, eligible.sum())
        kept = jnp.zeros(config.size, bool).at[replay_ticket].max(is_replay)
        replace = wanted & ~is_replay
        victims = choose_victims(buffer, kept, num_agents)
        ticket = jnp.where(is_replay, replay_ticket, _hand_out(victims, replace, num_agents)[1])

        fresh = jax.vmap(sample_task)(jax.random.split(sample_key, num_agents))
        # Slots out of range are dropped: that is how an update leaves the unwanted alone.
        written = jnp.where(replace, ticket, config.size)
        played = jnp.where(wanted, ticket, config.size)
        buffer = buffer._replace(
            task=jax.tree.map(
                lambda kept, new: kept.at[written].set(new, mode="drop"), buffer.task, fresh
            ),
            is_scored=buffer.is_scored.at[written].set(False, mode="drop"),
            is_playing=buffer.is_playing.at[played].set(True, mode="drop"),
            num_drawn=buffer.num_drawn + wanted.sum(),
            num_replayed=buffer.num_replayed + is_replay.sum(),
        )
        task = jax.tree.map(lambda leaf: leaf[ticket], buffer.task)
        return buffer, Proposal(task, ticket)

    def report(buffer, tickets, scores, finished):
        slots = jnp.where(finished, tickets, config.size)
        num_reports = buffer.num_reports + finished.any()
        return buffer._replace(
            score=buffer.score.at[slots].set(scores, mode="drop"),
            is_scored=buffer.is_scored.at[slots].set(True, mode="drop"),
            is_playing=buffer.is_playing.at[slots].set(False, mode="drop"),
            last_scored=buffer.last_scored.at[slots].set(num_reports, mode="drop"),
            num_reports=num_reports,
        )

    def metrics(buffer):
        scores = jnp.where(buffer.is_scored, buffer.score, jnp.nan)
        return {
            "buffer_scored": buffer.is_scored.sum().astype(jnp.float32),
            "buffer_score": jnp.nanmean(scores),
            "buffer_score_highest": jnp.nanmax(scores),
            "replayed_fraction": buffer.num_replayed / jnp.maximum(buffer.num_drawn, 1),
        }

    return Curriculum(init=init, propose=propose, report=report, metrics=metrics)
