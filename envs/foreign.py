"""Worlds of other packages behind gymnax's interface: what their adapters have in common."""

import math
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, NamedTuple

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, Integer, PRNGKeyArray, PyTree

Inner = Any
"""A state as the other package has it."""


class Step(NamedTuple):
    """What a step of another package's world came to.

    Attributes:
      observation: what policies see of the state arrived at, before any reset.
      inner: that state.
      reward: for the step.
      terminated: whether the world came to an end; a time limit is none.
      extra: what learners may see, and policies don't.
    """

    observation: PyTree
    inner: Inner
    reward: Float[Array, ""]
    terminated: Bool[Array, ""]
    extra: PyTree = ()


class Rules(NamedTuple):
    """A world of another package as pure functions that neither reset it nor cut it by time.

    Attributes:
      reset: `key -> state`.
      step: `(key, state, action) -> Step`.
      observe: `state -> observation`.
    """

    reset: Callable[[PRNGKeyArray], Inner]
    step: Callable[[PRNGKeyArray, Inner, Array], Step]
    observe: Callable[[Inner], PyTree]


@struct.dataclass
class ForeignState(environment.EnvState):
    """Steps taken, the state within, and whether that is terminal."""

    time: Int[Array, ""]
    inner: Any
    terminated: Bool[Array, ""]


@struct.dataclass
class ForeignParams(environment.EnvParams):
    """The time limit, which truncates. All else of such a world is in its name."""

    max_steps_in_episode: int


class ForeignWorld(environment.Environment[ForeignState, ForeignParams]):
    """A world of another package: its rules, with gymnax's time limit and resets.

    Args:
        name: What gymnax would call it.
        rules: The world's own.
        observations: The space of what policies see.
        actions: The space of what they do.
        max_steps: The usual time limit.
    """

    def __init__(
        self,
        name: str,
        rules: Rules,
        *,
        observations: spaces.Space,
        actions: spaces.Space,
        max_steps: int,
    ):
        self._name = name
        self.rules = rules
        self._observations, self._actions = observations, actions
        self._max_steps = max_steps

    @property
    def name(self) -> str:
        """What gymnax would call it."""
        return self._name

    @property
    def num_actions(self) -> int:
        """Actions to choose from, or numbers in one."""
        actions = self._actions
        return actions.n if isinstance(actions, spaces.Discrete) else math.prod(actions.shape)

    @property
    def default_params(self) -> ForeignParams:
        """The usual time limit."""
        return ForeignParams(max_steps_in_episode=self._max_steps)

    def step_env(
        self, key: PRNGKeyArray, state: ForeignState, action: Array, params: ForeignParams
    ) -> tuple[PyTree, ForeignState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step by the world's rules."""
        step = self.rules.step(key, state.inner, action)
        terminated = jnp.asarray(step.terminated, bool)
        state = ForeignState(state.time + 1, step.inner, terminated)
        info = {"extra": step.extra}
        return step.observation, state, jnp.asarray(step.reward, jnp.float32), terminated, info

    def reset_env(self, key: PRNGKeyArray, params: ForeignParams) -> tuple[PyTree, ForeignState]:
        """Starts an episode."""
        inner = self.rules.reset(key)
        state = ForeignState(jnp.zeros((), jnp.int32), inner, jnp.zeros((), bool))
        return self.rules.observe(inner), state

    def get_obs(
        self,
        state: ForeignState,
        params: ForeignParams | None = None,
        key: PRNGKeyArray | None = None,
    ) -> PyTree:
        """What policies see of a state."""
        return self.rules.observe(state.inner)

    def is_terminated(self, state: ForeignState, params: ForeignParams) -> Bool[Array, ""]:
        """Whether the world came to an end."""
        return state.terminated

    def action_space(self, params: ForeignParams | None = None) -> spaces.Space:
        """What policies do."""
        return self._actions

    def observation_space(self, params: ForeignParams | None = None) -> spaces.Space:
        """What they see."""
        return self._observations


def is_installed(package: str) -> bool:
    """Whether a package can be imported, without doing so."""
    return find_spec(package) is not None


def any_numbers(size: int) -> spaces.Box:
    """The space of vectors without known bounds."""
    largest = float(jnp.finfo(jnp.float32).max)
    return spaces.Box(-largest, largest, (size,), jnp.float32)


def as_planes(
    numbers: Integer[Array, "*batch layer"], counts: tuple[int, ...]
) -> Float[Array, "*batch plane"]:
    """Numbers of kinds as planes of zeros and ones, those of all layers one after the other.

    Args:
      numbers: for each layer which of its kinds is there.
      counts: kinds of each layer.
    """
    planes = [numbers[..., layer, None] == jnp.arange(n) for layer, n in enumerate(counts)]
    return jnp.concatenate(planes, axis=-1).astype(jnp.float32)
