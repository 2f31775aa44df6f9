"""A point that moves in a square, of which four small areas pay."""

from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

STEP = 0.05
MAX_STEPS = 50
AREAS = (
    ((0.75, 0.75), (0.80, 0.80)),
    ((-0.98, 0.90), (-0.93, 0.95)),
    ((0.00, -0.75), (0.05, -0.70)),
    ((-0.75, -0.05), (-0.70, 0.00)),
)
"""The lowest and the highest corner of each rectangle that pays."""

NO_AREA = -1
"""Instead of an area, where nothing was paid."""


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """Where it pays: the corners of each rectangle."""

    max_steps_in_episode: Int[Array, ""]
    low: Float[Array, "area 2"]
    high: Float[Array, "area 2"]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, where the point is, and the first area that it has entered, -1 for none."""

    time: Int[Array, ""]
    position: Float[Array, "2"]
    area: Int[Array, ""]


class SparsePoint(environment.Environment[State, Params]):
    r"""A point in :math:`[-1, 1]^2` that starts in the middle.

    With an action :math:`a \in [-1, 1]^2`, :math:`p' = \mathrm{clip}(p + 0.05 a, -1, 1)`. A step
    that ends in a rectangle pays 1, but only in the first rectangle that the episode has entered.
    Nothing is drawn at random, and nothing terminates. This is the world `Walker2D` of SERENE and
    STAX (arXiv 2102.03140, 2111.01919), with the constants of their public code.
    """

    num_areas = len(AREAS)
    position_range = (-1.0, 1.0)
    """Of each coordinate of `position`."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "SparsePoint-v0"

    @property
    def num_actions(self) -> int:
        """Two: how far it moves along either axis."""
        return 2

    @property
    def default_params(self) -> Params:
        """The rectangles of the public code."""
        low, high = jnp.moveaxis(jnp.array(AREAS), 1, 0)
        return Params(max_steps_in_episode=jnp.int32(MAX_STEPS), low=low, high=high)

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Float[Array, "2"], params: Params
    ) -> tuple[Float[Array, "2"], State, Float[Array, ""], Bool[Array, ""], dict]:
        """Take one step without automatic reset; draws nothing."""
        del key
        position = jnp.clip(state.position + STEP * jnp.clip(action, -1.0, 1.0), -1.0, 1.0)
        inside = ((position >= params.low) & (position <= params.high)).all(axis=-1)
        entered = jnp.where(inside.any(), inside.argmax(), NO_AREA).astype(jnp.int32)
        area = jnp.where(state.area == NO_AREA, entered, state.area)
        reward = ((area != NO_AREA) & inside[area]).astype(jnp.float32)
        state = State(time=state.time + 1, position=position, area=area)
        terminated = jnp.zeros((), bool)
        return self.get_obs(state), state, reward, terminated, {"discount": jnp.ones(())}

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Float[Array, "2"], State]:
        """Start an episode in the middle; draws nothing."""
        del key, params
        state = State(time=jnp.zeros((), jnp.int32), position=jnp.zeros(2), area=jnp.int32(NO_AREA))
        return self.get_obs(state), state

    def get_obs(
        self, state: State, params: Params | None = None, key: PRNGKeyArray | None = None
    ) -> Float[Array, "2"]:
        """Where the point is."""
        del params, key
        return state.position

    def position(self, state: State) -> Float[Array, "2"]:
        """Where the point is: the behaviour that searches for many of them should cover."""
        return state.position

    def image(self, state: State, params: Params, size: int) -> UInt8[Array, "size size 3"]:
        """The square from above: red rectangles, and the point as a blue disc of a 32nd of it."""
        # Centres of pixels, the highest row first.
        across = (jnp.arange(size) + 0.5) * (2 / size) - 1
        places = jnp.stack(jnp.meshgrid(across, -across), axis=-1)
        half = 1 / size  # Of a pixel, so that no rectangle falls between centres.
        red = (
            (places[:, :, None] >= params.low - half) & (places[:, :, None] <= params.high + half)
        ).all(axis=-1)
        distance = jnp.linalg.norm(places - state.position, axis=-1)
        blue = distance <= 1 / 16
        background = ~(red.any(axis=-1) | blue)
        red = red.any(axis=-1) & ~blue
        planes = jnp.stack([red | background, background, blue | background], axis=-1)
        return planes.astype(jnp.uint8) * jnp.uint8(255)

    def highest_rewards(self, params: Params) -> Float[np.ndarray, " area"]:
        r"""What no episode can be paid more than: :math:`T - \lceil d / 0.05 \rceil + 1`, by area.

        :math:`d` is its distance from the start in the maximum norm, :math:`T` the limit of steps.
        """
        low, high = np.asarray(params.low, np.float64), np.asarray(params.high, np.float64)
        distance = np.maximum(0.0, np.maximum(low, -high)).max(axis=-1)
        steps = np.ceil(np.round(distance / STEP, 3))
        return float(params.max_steps_in_episode) - steps + 1

    def action_space(self, params: Params | None = None) -> spaces.Box:
        """How far it moves along either axis, in steps of 0.05."""
        return spaces.Box(-1.0, 1.0, (2,), jnp.float32)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        """The square."""
        return spaces.Box(-1.0, 1.0, (2,), jnp.float32)

    def state_space(self, params: Params | None = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "position": spaces.Box(-1.0, 1.0, (2,), jnp.float32),
                "area": spaces.Box(NO_AREA, len(AREAS) - 1, (), jnp.int32),
            }
        )
