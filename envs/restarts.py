"""Episodes that begin at states of a demonstration."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments.environment import Environment
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree, Shaped

from rlsuite.envs.wrapper import StateWrapper, WrappedState


@struct.dataclass
class Demonstration:
    """A course of a world: its states, and what had been paid until each.

    Attributes:
        state: Of the world before each step, and after the last; what comes later means nothing.
        score: Sum of rewards until then.
        length: Steps.
    """

    state: PyTree[Shaped[Array, "place ..."]]
    score: Float[Array, " place"]
    length: Int[Array, ""]


# One program: as many small ones as a reset has operations take seconds to compile.
@partial(jax.jit, static_argnums=0)
def demonstrate(
    world: Environment, level: Any, action: Int[Array, " step"], length: Int[Array, ""]
) -> Demonstration:
    """What some actions lead to from the start, in a world that draws nothing.

    Args:
        world: A deterministic world.
        level: Its parameters.
        action: Of each step; what comes after the last means nothing.
        length: How many steps there are.
    """
    key = jax.random.key(0)
    _, start = jax.tree.map(jnp.asarray, world.reset_env(key, level))

    def step(course, action):
        state, score = course
        _, after, reward, *_ = world.step_env(key, state, action, level)
        # One after the other, as an attempt adds them up.
        course = after, score + jnp.asarray(reward, jnp.float32)
        return course, course

    before = start, jnp.float32(0)
    _, courses = jax.lax.scan(step, before, action)
    state, score = jax.tree.map(
        lambda first, rest: jnp.concatenate([first[None], rest]), before, courses
    )
    return Demonstration(state, score, length)


@struct.dataclass
class RestartParams:
    """Where episodes begin.

    Attributes:
        level: Of the world within.
        demonstration: In whose course they begin.
        latest: The last place of the window that they begin in.
        window: How many places that has, which end with the latest; those before the start are the
            start.
        own_share: How likely an episode begins in the window; else it begins anywhere from there to
            the end of the demonstration.
        margin: Steps before and after by which an episode may be late, before it is given up.
    """

    level: Any
    demonstration: Demonstration
    latest: Int[Array, ""]
    window: Int[Array, ""]
    own_share: Float[Array, ""]
    margin: Int[Array, ""]


class Attempt(NamedTuple):
    """What becomes of an episode.

    Attributes:
        place: Of the demonstration, where it began.
        succeeded: Whether it has come to what the demonstration had at its end.
        score: So far, with that of the demonstration before it.
    """

    place: Int[Array, "*batch"]
    succeeded: Bool[Array, "*batch"]
    score: Float[Array, "*batch"]


@struct.dataclass
class RestartState(WrappedState):
    """The state of the world within, where the episode began, and its score with what came before.

    `clock` counts from the start of the demonstration.
    """

    world: Any
    place: Int[Array, ""]
    clock: Int[Array, ""]
    score: Float[Array, ""]


class RestartWorld(StateWrapper):
    """A world whose episodes begin at states of a demonstration (Salimans and Chen, 1812.03381).

    An episode ends as in the world within; and on success, when its score with that of the
    demonstration before it is at least the demonstration's at its end; and when it is behind, with
    a score below all of the demonstration's within a margin of the same step. `info["extra"]` is an
    `Attempt`, in place of what the world within has there.

    Args:
        world: The world within.
    """

    def level_of(self, params: Any) -> Any:
        """The level, of parameters that say where episodes begin; or those of the world within."""
        return params.level if isinstance(params, RestartParams) else params

    @property
    def default_params(self) -> RestartParams:
        """A demonstration of no steps at all, on the level by default of the world within."""
        level = self.world.default_params
        nothing = demonstrate(self.world, level, jnp.zeros(0, jnp.int32), jnp.int32(0))
        zero = jnp.int32(0)
        return RestartParams(
            level=level,
            demonstration=nothing,
            latest=zero,
            window=jnp.int32(1),
            own_share=jnp.float32(1),
            margin=zero,
        )

    def step_env(
        self, key: PRNGKeyArray, state: RestartState, action: ArrayLike, params: RestartParams
    ) -> tuple[PyTree, RestartState, Shaped[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step of the world within, and whether the attempt is over."""
        seen, within, reward, terminated, info = self.world.step_env(
            key, state.world, action, params.level
        )
        reward = jnp.asarray(reward, jnp.float32)
        score, clock = state.score + reward, state.clock + 1
        shown = params.demonstration
        places = jnp.arange(shown.score.size)
        is_near = (jnp.abs(places - clock) <= params.margin) & (places <= shown.length)
        least = jnp.where(is_near, shown.score, jnp.inf).min()
        is_behind = jnp.isfinite(least) & (score < least)
        succeeded = score >= shown.score[shown.length]
        after = RestartState(within, state.place, clock, score)
        info = {**info, "extra": Attempt(state.place, succeeded, score)}
        return seen, after, reward, terminated | succeeded | is_behind, info

    def reset_env(self, key: PRNGKeyArray, params: RestartParams) -> tuple[PyTree, RestartState]:
        """Begins an episode at a state of the demonstration."""
        share_key, window_key, place_key, view_key = jax.random.split(key, 4)
        shown = params.demonstration
        back = jax.random.randint(window_key, (), 0, params.window, jnp.int32)
        own = jnp.maximum(params.latest - back, 0)
        after = jnp.maximum(shown.length, own + 1)
        later = jax.random.randint(place_key, (), own, after, jnp.int32)
        place = jnp.where(jax.random.bernoulli(share_key, params.own_share), own, later)
        within = jax.tree.map(lambda leaf: leaf[place], shown.state)
        seen = self.world.observe(view_key, within, None, params.level)
        return seen, RestartState(within, place, place, shown.score[place])
