"""Searches put together: exploration, with or without a second part that exploits rewards."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.method import Method, single_precision
from rlsuite.quality_diversity.descriptors import Descriptor, Learn
from rlsuite.quality_diversity.exploitation import Exploiter
from rlsuite.quality_diversity.exploration import (
    Explored,
    Explorer,
    all_redescribed,
    explored,
    first_population,
)
from rlsuite.quality_diversity.found import kept_coverage, metrics, nothing_found
from rlsuite.quality_diversity.solutions import Solutions, comes_again, joined
from rlsuite.selection import when


class Course(NamedTuple):
    """Where a search is, for those who say what comes next.

    Attributes:
      steps: that were made.
      has_explored: whether the last of them explored.
    """

    steps: Int[Array, ""]
    has_explored: Bool[Array, ""]


Schedule = Callable[[PRNGKeyArray, Course], Bool[Array, ""]]
"""`(key, course) -> whether to explore` in the next step, if there is anything to exploit."""


def alternately(key: PRNGKeyArray, course: Course) -> Bool[Array, ""]:
    """Exploring and exploiting by turns (SERENE, arXiv 2102.03140)."""
    del key
    return ~course.has_explored


def by_chance(probability: float = 0.5) -> Schedule:
    """Exploring with a probability."""
    return lambda key, course: jax.random.bernoulli(key, probability)


def less_and_less(num_steps: int) -> Schedule:
    """Exploring with a probability that falls evenly from one to nothing within some steps."""
    return lambda key, course: jax.random.uniform(key) < 1 - course.steps / num_steps


def never(steps: Int[Array, ""]) -> Bool[Array, ""]:
    """A descriptor that stays as it began."""
    return jnp.zeros(steps.shape, bool)


def later_and_later(steps: Int[Array, ""]) -> Bool[Array, ""]:
    """After 1 step, then 2 steps later, then 3 later: after 1, 3, 6, 10, 15, … steps."""
    root = jnp.floor(jnp.sqrt(2.0 * steps)).astype(steps.dtype)
    return (steps > 0) & (root * (root + 1) == 2 * steps)


class SearchState(NamedTuple):
    """Everything that changes.

    Attributes:
      key: of all that is drawn.
      course: where the search is.
      explored: the population and its archives.
      emitters: that exploit rewards; `()` in searches that don't.
      descriptor: parameters of what counts as behaviour.
      error: how badly the descriptor knew what it had not learned from, when it last learned.
    """

    key: PRNGKeyArray
    course: Course
    explored: Explored
    emitters: Any
    descriptor: Any
    error: Float[Array, ""]

    @property
    def kept(self) -> tuple[Solutions, Bool[Array, " solution"]]:
        """All solutions of both archives, and which of them are there."""
        archive, rewarded = self.explored.archive, self.explored.rewarded
        solutions = joined(archive.items, rewarded.items.solution)
        return solutions, jnp.concatenate([archive.filled, rewarded.filled])


def search(
    explorer: Explorer,
    exploiter: Exploiter | None = None,
    *,
    schedule: Schedule = alternately,
    learns_after: Callable[[Int[Array, ""]], Bool[Array, ""]] = later_and_later,
) -> Method:
    """Steps of exploration, and of exploitation once there is something to exploit.

    A step is `evaluations_per_step` evaluations of either kind; where it exploits, as many as that
    gives work for and up to a trial more (`sequential_emitters`). In a program of several searches
    side by side both kinds are computed in each step, as they are not always of one mind.

    Args:
      explorer: what is searched, and how.
      exploiter: what is made of rewards; none for a search that doesn't care for them.
      schedule: which kind comes next.
      learns_after: `steps -> whether`, after which steps the descriptor learns from all that the
        archives and the population have, each solution once, if it learns at all. Steps of either
        kind count, so that searches side by side learn at once.

    Returns:
      A method whose state is a `SearchState`. Metrics are those of `found.metrics`,
      `kept_coverage`, the share of the cells in which an episode of solutions in the archives
      ended, `archived` and `rewarded` solutions and `kept` ones of both, `lost` ones for which
      there was no place, with an exploiter `emitters` that are alive and `waiting` candidates, and
      with a descriptor that learns `description_error`.

    Raises:
      ValueError: if a step isn't whole generations.
    """
    descriptor = explorer.descriptor
    _ = explorer.config.num_generations  # Says what is wrong before anything is traced.

    def init(key):
        key, descriptor_key, population_key = jax.random.split(key, 3)
        parameters = descriptor.init(descriptor_key)
        none = nothing_found(explorer.domain, explorer.config.bins)
        first = first_population(population_key, explorer, parameters, none)
        return SearchState(
            key=key,
            course=Course(jnp.zeros((), jnp.int32), jnp.zeros((), bool)),
            explored=first,
            emitters=exploiter.init(first) if exploiter else (),
            descriptor=parameters,
            error=jnp.full((), jnp.nan),
        )

    def explore(key, state):
        after = explored(key, explorer, state.descriptor, state.explored)
        return state._replace(explored=after)

    def step(state):
        key, turn_key, step_key, learn_key = jax.random.split(state.key, 4)
        course = state.course
        if exploiter is None:
            explores = jnp.ones((), bool)
            state = explore(step_key, state)
        else:
            is_idle = ~exploiter.has_work(state.explored, state.emitters)
            explores = schedule(turn_key, course) | is_idle
            exploit = partial(_exploit, exploiter)
            state = jax.lax.cond(explores, explore, exploit, step_key, state)
        course = Course(course.steps + 1, explores)
        if descriptor.learn is not None:
            learn = partial(_learn, descriptor, descriptor.learn, exploiter, learn_key)
            state = when(learns_after(course.steps), learn, state, state)
        state = state._replace(key=key, course=course)
        return state, reported(state)

    def reported(state):
        found = state.explored
        counts = {
            "archived": found.archive.size,
            "rewarded": found.rewarded.size,
            "kept": found.archive.size + found.rewarded.size,
            "lost": found.archive.lost + found.rewarded.lost,
            **(exploiter.counts(found, state.emitters) if exploiter else {}),
        }
        solutions, is_there = state.kept
        return (
            metrics(found.found)
            | {name: count.astype(jnp.float32) for name, count in counts.items()}
            | {
                "kept_coverage": kept_coverage(
                    found.found, explorer.domain, solutions.position, is_there
                )
            }
            | ({"description_error": state.error} if descriptor.learn is not None else {})
        )

    return single_precision(Method(init, step))


def _exploit(exploiter: Exploiter, key: PRNGKeyArray, state: SearchState) -> SearchState:
    after, emitters = exploiter.exploit(key, state.descriptor, state.explored, state.emitters)
    return state._replace(explored=after, emitters=emitters)


def _learn(
    descriptor: Descriptor,
    learn: Learn,
    exploiter: Exploiter | None,
    key: PRNGKeyArray,
    state: SearchState,
) -> SearchState:
    """The state after the descriptor has learned, with all solutions described by it."""
    found = state.explored
    kept, is_kept = state.kept
    everything = joined(kept.memory, found.population.memory)
    everybody = jnp.ones(len(found.population.reward), bool)
    is_there = jnp.concatenate([is_kept, everybody])
    is_there &= ~comes_again(jnp.concatenate([kept.born, found.population.born]), is_there)
    parameters, error = learn(key, state.descriptor, everything, is_there)
    after = all_redescribed(descriptor, parameters, found)
    emitters = state.emitters
    if exploiter is not None:
        emitters = exploiter.redescribe(parameters, found, after, emitters)
    return state._replace(explored=after, emitters=emitters, descriptor=parameters, error=error)
