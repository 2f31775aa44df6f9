"""Prioritised replay of levels: a buffer of scored tasks, sampled by how much they matter."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.curricula.curriculum import Curriculum, Editor, Proposal, SampleTask
from rlsuite.lifetime import Task
from rlsuite.method import Metrics
from rlsuite.ranges import Count, Fraction, Positive
from rlsuite.requirements import named
from rlsuite.selection import put, take, where_each


@dataclass(frozen=True)
class BufferConfig:
    """How tasks are kept and replayed.

    Attributes:
      size: tasks kept.
      replay_probability: that a new task is replayed from the buffer, not drawn anew.
      prioritisation: by the `rank` of a task's score, `proportional` to the exponential of it, or
        `top`, which takes any of the highest scores. With `top` a lesson of `replayed_levels` may
        have one level for several workers, otherwise all of its levels are different.
      temperature: the lower, the more the highest scores are preferred.
      staleness: the weight of a task's age since it was last scored in its priority.
      num_top: how many of the highest scores `top` draws from, all as likely. Agents of
        `prioritised_replay` share no task: those that ask at once beyond so many get any other.
    """

    size: Count = 4000
    replay_probability: Fraction = 0.5
    prioritisation: Literal["rank", "proportional", "top"] = "rank"
    temperature: Positive = 1.0
    staleness: Fraction = 0.0
    num_top: Count = 1


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


LEAST = -1e38
"""Log weights of what is eligible go no lower, so that it comes before what is not."""

_BELOW = -1e30
"""Log weights of what is not among the highest, finite so that their mean is one."""


def replay_log_weights(
    scores: Float[Array, " slot"],
    ages: Float[Array, " slot"],
    eligible: Bool[Array, " slot"],
    config: BufferConfig,
) -> Float[Array, " slot"]:
    r"""Logarithms of the replay probabilities, minus infinity where not eligible.

    By rank, :math:`P_S \propto \mathrm{rank}(s)^{-1/\beta}` (the highest score has rank 1);
    proportional, :math:`P_S \propto \exp(s/\beta)`, as GROOVE has it; of the top, it is the same
    for the `num_top` highest and as good as zero for all others. With staleness :math:`\rho` the
    probability is :math:`(1-\rho) P_S + \rho P_C`, where :math:`P_C` is proportional to the age of
    the score (Jiang et al., arXiv 2010.03934, section 3.2).

    Equal scores are equally probable: those that share ranks share the sum of their weights. A
    score that is no number counts as minus infinity. In proportion, scores of plus infinity share
    the whole, and so do all where none is above minus infinity. Where all ages are zero,
    :math:`P_C` is uniform.

    Raises:
      ValueError: if the prioritisation is unknown.
    """
    scores = jnp.where(jnp.isnan(scores), -jnp.inf, scores)
    # Beyond these a division by it overflows, or takes infinity by infinity.
    temperature = min(max(config.temperature, 1e-36), 1e36)
    rank = jnp.arange(1, scores.size + 1)
    make_logits = {
        "proportional": lambda: _in_proportion(scores, eligible, temperature),
        "rank": lambda: _by_rank(scores, eligible, -jnp.log(rank) / temperature),
        "top": lambda: _by_rank(scores, eligible, jnp.where(rank <= config.num_top, 0.0, _BELOW)),
    }
    logits = named("buffer.prioritisation", config.prioritisation, make_logits)()
    by_score = jax.nn.log_softmax(logits, where=eligible)
    by_score = jnp.where(eligible, jnp.maximum(by_score, LEAST), -jnp.inf)
    if config.staleness == 0.0:
        return by_score
    by_age = _shares(ages, eligible)
    mixed = (1 - config.staleness) * jnp.exp(by_score) + config.staleness * by_age
    return jnp.where(eligible, jnp.maximum(jnp.log(mixed), LEAST), -jnp.inf)


def _by_rank(
    scores: Float[Array, " slot"], eligible: Bool[Array, " slot"], logits: Float[Array, " rank"]
) -> Float[Array, " slot"]:
    """The logits of ranks among the eligible, that of the mean weight where scores are equal."""
    # No number is equal to itself, and all of them are sorted behind the others.
    ranked = jnp.where(eligible, scores, jnp.nan)
    order = jnp.argsort(-ranked)
    ranked = ranked[order]
    begins = jnp.concatenate([jnp.ones(1, bool), ranked[1:] != ranked[:-1]])
    group = jnp.cumsum(begins) - 1
    first = jax.ops.segment_max(logits, group, scores.size)[group]
    # Compiled code may round a difference of huge logits to more than zero.
    shares = jnp.exp(jnp.minimum(logits - first, 0.0))
    total = jax.ops.segment_sum(shares, group, scores.size)[group]
    number = jax.ops.segment_sum(jnp.ones_like(logits), group, scores.size)[group]
    return jnp.zeros_like(logits).at[order].set(first + jnp.log(total / number))


def _in_proportion(
    scores: Float[Array, " slot"], eligible: Bool[Array, " slot"], temperature: float
) -> Float[Array, " slot"]:
    """Log of `exp(score / temperature)`, up to a constant."""
    highest = jnp.max(scores, where=eligible, initial=-jnp.inf)
    logits = scores / temperature
    is_large = (jnp.abs(logits) > 1e4) & jnp.isfinite(scores) & eligible
    logits = jnp.where(is_large.any(), (scores - highest) / temperature, logits)
    shared = jnp.where(scores == highest, 0.0, -jnp.inf)
    return jnp.where(jnp.isfinite(highest), logits, shared)


def _shares(ages: Float[Array, " slot"], eligible: Bool[Array, " slot"]) -> Float[Array, " slot"]:
    """Ages of the eligible over their sum; where that says nothing, the oldest share equally."""
    ages = jnp.where(eligible & (ages > 0), ages, 0.0)
    total = ages.sum()
    says_something = (total > 0) & jnp.isfinite(total)
    oldest = (eligible & (ages == ages.max())).astype(ages.dtype)
    ages = jnp.where(says_something, ages, oldest)
    total = jnp.where(says_something, total, oldest.sum())
    return ages / jnp.where(eligible.any(), total, 1.0)


def choose_replays(
    key: PRNGKeyArray, log_weights: Float[Array, " slot"], num: int
) -> Int[Array, " num"]:
    """Draws `num` different slots with the given log probabilities (the Gumbel-top-k trick).

    They come in the order they were drawn in, so that the first `n` are a draw of `n`; once
    nothing eligible is left, what follows has no meaning. Slots whose weights are so low that noise
    no longer tells them apart are drawn after all others, uniformly.

    Raises:
      ValueError: if there are fewer than `num` slots.
    """
    if num > log_weights.size:
        raise ValueError(
            f"num: {num} is not allowed; it must be at most the {log_weights.size} slots"
        )
    noise = jax.random.gumbel(key, log_weights.shape)
    return jnp.lexsort((-noise, -(log_weights + noise)))[:num]


def choose_victims(buffer: Buffer, kept: Bool[Array, " slot"], num: int) -> Int[Array, " num"]:
    """The `num` slots fresh tasks should take.

    Empty ones first, then those whose score is no number, then those of lowest score, of equal ones
    the stalest. Slots being played or `kept` are never among them while `num` others exist.
    """
    is_number = buffer.is_scored & ~jnp.isnan(buffer.score)
    rank = jnp.where(buffer.is_scored, jnp.where(is_number, 2, 1), 0)
    rank = jnp.where(buffer.is_playing | kept, 3, rank)
    score = jnp.where(rank == 2, buffer.score, 0.0)
    scored_at = jnp.where((rank == 1) | (rank == 2), buffer.last_scored, 0)
    return jnp.lexsort((scored_at, score, rank))[:num]


def _hand_out(
    slots: Int[Array, " agent"], wanted: Bool[Array, " agent"], num_slots: Int[Array, ""] | int
) -> tuple[Bool[Array, " agent"], Int[Array, " agent"]]:
    """Gives the first slots, in order, to the agents that want one, while there are any."""
    place = jnp.cumsum(wanted) - 1
    return wanted & (place < num_slots), slots[place]


def empty_buffer(key: PRNGKeyArray, sample_task: SampleTask, size: int) -> Buffer:
    """A buffer in which nothing is scored; tasks fill its slots for their shapes alone."""
    no = jnp.zeros(size, bool)
    zero = jnp.zeros((), jnp.int32)
    return Buffer(
        task=jax.vmap(sample_task)(jax.random.split(key, size)),
        score=jnp.zeros(size),
        is_scored=no,
        is_playing=no,
        last_scored=jnp.zeros(size, jnp.int32),
        num_reports=zero,
        num_drawn=zero,
        num_replayed=zero,
    )


def buffer_metrics(buffer: Buffer) -> Metrics:
    """How full it is, and what the scores in it that are finite come to."""
    known = buffer.is_scored & jnp.isfinite(buffer.score)
    scores = jnp.where(known, buffer.score, jnp.nan)
    return {
        "buffer_scored": buffer.is_scored.sum().astype(jnp.float32),
        "buffer_score": jnp.nanmean(scores),
        "buffer_score_highest": jnp.nanmax(scores),
        "replayed_fraction": buffer.num_replayed / jnp.maximum(buffer.num_drawn, 1),
    }


def prioritised_replay(
    sample_task: SampleTask,
    config: BufferConfig,
    *,
    edit: Editor | None = None,
    edited_fraction: float = 1.0,
) -> Curriculum:
    """A curriculum over a buffer of scored tasks (Jiang et al., arXiv 2010.03934; 2310.02782).

    A wanted task is replayed with `replay_probability`, else drawn anew; a fresh one takes an
    empty slot of the buffer, that of a score that is no number or that of the lowest score, of
    equal ones the stalest. A task that is being played is neither
    replayed nor replaced, so no two agents share one. As long as fewer tasks are scored and idle
    than are to be replayed, the rest are drawn anew. Metrics speak of the scores that are finite.

    With an editor a part of the fresh tasks are not drawn anew but tasks of the buffer, chosen as
    those to be replayed are, with edited levels, as ACCEL has it (Parker-Holder et al., arXiv
    2203.01302).

    The buffer must hold at least twice as many tasks as there are agents; `propose` raises a
    ValueError otherwise.

    Args:
      sample_task: `key -> Task`.
      config: of the buffer.
      edit: what is done to levels; none edits nothing.
      edited_fraction: the probability that a fresh task is an edited one, where there is any to
        edit.
    """

    def edited(key, buffer, log_weights, fresh):
        """Fresh tasks, some of them in exchange for edited ones."""
        if edit is None:
            return fresh
        num_agents = fresh.lifetime.size
        coin_key, choice_key, edit_key = jax.random.split(key, 3)
        parents = choose_replays(choice_key, log_weights, num_agents)
        is_there = jnp.arange(num_agents) < jnp.isfinite(log_weights).sum()
        chosen = is_there & jax.random.bernoulli(coin_key, edited_fraction, (num_agents,))
        tasks = take(buffer.task, parents)
        keys = jax.random.split(edit_key, num_agents)
        tasks = tasks._replace(level=jax.vmap(edit)(keys, tasks.level))
        return where_each(chosen, tasks, fresh)

    def init(key):
        return empty_buffer(key, sample_task, config.size)

    def propose(key, buffer, wanted):
        num_agents = wanted.size
        if config.size < 2 * num_agents:
            raise ValueError(
                f"buffer.size: {config.size} is not allowed; it must be at least twice the "
                f"{num_agents} agents"
            )
        coin_key, choice_key, sample_key, editor_key = jax.random.split(key, 4)
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
        fresh = edited(editor_key, buffer, log_weights, fresh)
        # Slots out of range are dropped: that is how an update leaves the unwanted alone.
        written = jnp.where(replace, ticket, config.size)
        played = jnp.where(wanted, ticket, config.size)
        buffer = buffer._replace(
            task=put(buffer.task, written, fresh),
            is_scored=buffer.is_scored.at[written].set(False, mode="drop"),
            is_playing=buffer.is_playing.at[played].set(True, mode="drop"),
            num_drawn=buffer.num_drawn + wanted.sum(dtype=jnp.int32),
            num_replayed=buffer.num_replayed + is_replay.sum(dtype=jnp.int32),
        )
        return buffer, Proposal(take(buffer.task, ticket), ticket)

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

    return Curriculum(init=init, propose=propose, report=report, metrics=buffer_metrics)
