"""Emitters: small populations about rewarded solutions, which climb while there is a slope."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.quality_diversity.solutions import Solutions, joined
from rlsuite.ranges import Count, Fraction
from rlsuite.selection import take

NONE = -1
"""Instead of a place: of an emitter's founder, or of the emitter that is running."""

TRIAL_GENERATIONS = 5
_ROUNDING = 1e-5
"""Of a sum of rewards: a difference as small as this says nothing."""

WINDOW = 20
"""Generations at either end of those by which an emitter is judged to have come to a stop."""

Rank = Callable[[Float[Array, " solution"], Float[Array, " solution"]], Float[Array, " solution"]]
"""`(reward, novelty) -> score`: who scores highest stays in an emitter's population."""


def by_reward(
    reward: Float[Array, " solution"], novelty: Float[Array, " solution"]
) -> Float[Array, " solution"]:
    """Emitters climb ("fitness" in the public code)."""
    del novelty
    return reward


def by_own_novelty(
    reward: Float[Array, " solution"], novelty: Float[Array, " solution"]
) -> Float[Array, " solution"]:
    """Emitters go on exploring where something was paid."""
    del reward
    return novelty


Preference = Callable[
    [PRNGKeyArray, Float[Array, " solution"], Int[Array, " solution"]], Float[Array, " solution"]
]
"""`(key, novelty, born) -> score`: of candidates who scores highest is tried first, and emitters
are drawn from the first Pareto front of their founders' scores and their improvements. Novelty is
towards all other rewarded solutions."""


def most_novel_first(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], born: Int[Array, " solution"]
) -> Float[Array, " solution"]:
    """Where little was paid so far before where much was (SERENE, arXiv 2102.03140)."""
    del key, born
    return novelty


def random_first(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], born: Int[Array, " solution"]
) -> Float[Array, " solution"]:
    """All alike, to see what novelty does."""
    del born
    return jax.random.uniform(key, novelty.shape)


def oldest_first(
    key: PRNGKeyArray, novelty: Float[Array, " solution"], born: Int[Array, " solution"]
) -> Float[Array, " solution"]:
    """In the order in which they were found."""
    del key, novelty
    return -born.astype(jnp.float32)


@dataclass(frozen=True)
class EmitterConfig:
    """How rewards are exploited.

    Attributes:
      emitter_size: the population of an emitter.
      emitter_children: of each in it, in a generation.
      trial_share: of a step's budget, for which new emitters are on trial as long as there are
        candidates, and then those that have passed go on.
      num_emitters: at most; more candidates wait.
      kept_aside: solutions of an emitter that go to the archive when it stops.
    """

    emitter_size: Count = 6
    emitter_children: Count = 2
    trial_share: Fraction = 2 / 3
    num_emitters: Count = 320
    kept_aside: Count = 5

    @property
    def generation_size(self) -> int:
        """Evaluations in a generation of an emitter."""
        return self.emitter_size * self.emitter_children

    def num_ticks(self, budget: int) -> int:
        """The most generations, first populations among them, that a budget may be spent on."""
        trial = self.emitter_size + TRIAL_GENERATIONS * self.generation_size
        return (1 + TRIAL_GENERATIONS) * -(-budget // trial)

    def memory_length(self, num_genes: int) -> int:
        r"""Generations by which an emitter is judged: :math:`\lfloor 20 n / m + 120 \rfloor`."""
        return int(20 * num_genes / self.emitter_size + 120)


class Emitters(NamedTuple):
    """Emitters side by side, of which one runs at a time.

    Attributes:
      founder: place in the archive of rewarded solutions; `NONE` where there is no emitter.
      on_trial: whether it has yet to show that it improves.
      generation: populations it has had, the first included.
      population: its solutions.
      values: rewards of its last populations, in a ring.
      first: sum of the rewards of its first three populations.
      improvement: mean reward of its last three populations over that of the first three, or zero
        where that is below or as good as equal.
      record: highest reward of its own in the archive of rewarded solutions.
      most_novel: highest novelty of its own.
      aside: a random choice of its solutions since the trial that were more novel than all of its
        own before.
      priority: by which they were chosen; below zero where there is none.
    """

    founder: Int[Array, "*emitter"]
    on_trial: Bool[Array, "*emitter"]
    generation: Int[Array, "*emitter"]
    population: Solutions
    values: Float[Array, "*emitter generation solution"]
    first: Float[Array, "*emitter"]
    improvement: Float[Array, "*emitter"]
    record: Float[Array, "*emitter"]
    most_novel: Float[Array, "*emitter"]
    aside: Solutions
    priority: Float[Array, "*emitter aside"]

    @property
    def alive(self) -> Bool[Array, "*emitter"]:
        """Whether they go on."""
        return self.founder != NONE


def no_emitters(like: Solutions, config: EmitterConfig, num_genes: int) -> Emitters:
    """Room for emitters of solutions like some."""
    none = jnp.full(config.num_emitters, NONE, jnp.int32)
    zeros = jnp.zeros(config.num_emitters)

    def room(number):
        return jax.tree.map(
            lambda leaf: jnp.zeros((config.num_emitters, number, *leaf.shape[1:]), leaf.dtype), like
        )

    shape = (config.num_emitters, config.memory_length(num_genes), config.emitter_size)
    return Emitters(
        founder=none,
        on_trial=none == 0,
        generation=jnp.zeros_like(none),
        population=room(config.emitter_size),
        values=jnp.zeros(shape),
        first=zeros,
        improvement=zeros,
        record=zeros,
        most_novel=zeros,
        aside=room(config.kept_aside),
        priority=jnp.full((config.num_emitters, config.kept_aside), -1.0),
    )


def aged(emitter: Emitters, population: Solutions) -> Emitters:
    """The emitter one population later."""
    length = emitter.values.shape[0]
    number, size = emitter.generation, len(population.reward)
    values = emitter.values.at[number % length].set(population.reward)
    first = emitter.first + jnp.where(number < 3, population.reward.sum(), 0.0)
    rise = values[(number - jnp.arange(3)) % length].sum() - first
    # Equal rewards that are added up in another order are no improvement.
    has_risen = (number >= 2) & (rise > _ROUNDING * jnp.abs(first))
    improvement = jnp.where(has_risen, rise / (3 * size), 0.0)
    return emitter._replace(
        population=population,
        generation=number + 1,
        values=values,
        first=first,
        improvement=improvement,
    )


def has_stopped(emitter: Emitters) -> Bool[Array, ""]:
    """Whether rewards have not risen within the memory of an emitter, if it is that old."""
    length = emitter.values.shape[0]
    number = emitter.generation
    early = emitter.values[(number + jnp.arange(WINDOW)) % length]
    late = emitter.values[(number - 1 - jnp.arange(WINDOW)) % length]
    has_risen = (jnp.median(late) > jnp.median(early)) & (late.max() > early.max())
    return (number - 1 > length) & ~has_risen


def breaks_record(
    emitter: Emitters,
    children: Solutions,
    stays: Bool[Array, " child"],
) -> Bool[Array, " child"]:
    """Of those who stay, who was paid more than all of the emitter's before; at first the best."""
    paid = stays & (children.reward > jnp.maximum(emitter.record, 0.0))
    best = jnp.where(paid, children.reward, -jnp.inf).argmax()
    is_first = emitter.record == -jnp.inf
    return paid & (~is_first | (jnp.arange(len(paid)) == best))


def put_aside(
    key: PRNGKeyArray, emitter: Emitters, children: Solutions, new: Float[Array, " child"]
) -> Emitters:
    """The emitter with a random choice of all it has put aside so far.

    The highest of random priorities are a uniform choice, without keeping all.
    """
    is_aside = new > emitter.most_novel
    priority = jnp.where(is_aside, jax.random.uniform(key, new.shape), -1.0)
    priority, kept = jax.lax.top_k(
        jnp.concatenate([emitter.priority, priority]), len(emitter.priority)
    )
    return emitter._replace(
        aside=take(joined(emitter.aside, children), kept),
        priority=priority,
        most_novel=jnp.maximum(emitter.most_novel, new.max()),
    )
