"""A planar arm of twenty links between walls, whose tip is paid for three places."""

from functools import partial

import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, UInt8

from rlsuite.envs.sparse_point import NO_AREA

NUM_JOINTS = 20
LINK = 0.05
BASE = (0.5, 0.5)
FIRST_ANGLES = np.linspace(np.pi / 5, np.pi / 20, NUM_JOINTS)
TIME_STEP, NUM_SUBSTEPS = 0.01, 2
MAX_STEPS = 100
GOALS = ((0.25, 0.25), (0.85, 0.85), (0.25, 0.90))
GOAL_RADIUS = 0.05
WALLS = (
    ((0.00, 0.49), (0.20, 0.51)),
    ((0.80, 0.49), (1.00, 0.51)),
    ((0.49, 0.00), (0.51, 0.20)),
    ((0.49, 0.80), (0.51, 1.00)),
)
"""The lowest and the highest corner of each: stubs from the middle of each side."""

# Sums up to each joint as products, which are faster than cumulative sums.
_UP_TO = np.tril(np.ones((NUM_JOINTS, NUM_JOINTS), np.float32))


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """Where it pays, and what the arm may do.

    Attributes:
        max_steps_in_episode: Limit of an episode.
        goals: Centres of the places that pay.
        goal_radius: How far from them it pays.
        max_tip_step: How far the tip may move in a step.
        nearest_joints: Share of a link that joints may come close to each other, in L1.
    """

    max_steps_in_episode: Int[Array, ""]
    goals: Float[Array, "area 2"]
    goal_radius: Float[Array, ""]
    max_tip_step: Float[Array, ""]
    nearest_joints: Float[Array, ""]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, angles of joints towards the link before, in radians, and their velocities.

    `tip` is where the arm ends, `area` the goal that it was paid for, -1 for none.
    """

    time: Int[Array, ""]
    angle: Float[Array, " joint"]
    velocity: Float[Array, " joint"]
    tip: Float[Array, "2"]
    area: Int[Array, ""]


def joints(angle: Float[Array, " joint"]) -> Float[Array, "point 2"]:
    """Where the base, the joints and the tip are."""
    absolute = jnp.pi / 2 + _UP_TO @ angle
    across, up = LINK * _UP_TO @ jnp.cos(absolute), LINK * _UP_TO @ jnp.sin(absolute)
    return jnp.pad(jnp.stack([across, up], axis=-1), ((1, 0), (0, 0))) + jnp.array(BASE)


class RedundantArm(environment.Environment[State, Params]):
    r"""An arm of twenty links of 0.05 in the unit square, driven by accelerations of its joints.

    A step has two substeps of :math:`\Delta t = 0.01` with the action :math:`a \in [-1, 1]^{20}`:

    .. math::
        \theta' = \theta + v \Delta t + a \Delta t^2 / 2, \qquad v' = (\theta' - \theta) / \Delta t.

    The episode terminates where a joint leaves the square or enters a wall, where two joints come
    closer than 0.95 links (in L1), or where the tip moves too far in a step. However it ends, also
    by the limit of 100 steps, it pays :math:`(\rho - d) / \rho` for a tip at a distance
    :math:`d < \rho` from a goal. Nothing is drawn at random.

    This is the world of TAXONS, SERENE and STAX (arXiv 1909.05508, 2102.03140, 2111.01919) with
    constants of the public code, but for three things. There an episode that isn't over by itself
    was paid after 250 steps, of which evaluations made 100: only arms that collided inside a goal
    were paid. There only joints next to each other by their first coordinate were tested for being
    close. How fast a tip may be there isn't known: here a link per step.
    """

    num_areas = len(GOALS)
    position_range = (0.0, 1.0)
    """Of each coordinate of `position`."""

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "RedundantArm-v0"

    @property
    def num_actions(self) -> int:
        """One for each joint."""
        return NUM_JOINTS

    @property
    def default_params(self) -> Params:
        """Goals and limits as described."""
        return Params(
            max_steps_in_episode=jnp.int32(MAX_STEPS),
            goals=jnp.array(GOALS),
            goal_radius=jnp.float32(GOAL_RADIUS),
            max_tip_step=jnp.float32(LINK),
            nearest_joints=jnp.float32(0.95),
        )

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Float[Array, " joint"], params: Params
    ) -> tuple[Float[Array, " joint"], State, Float[Array, ""], Bool[Array, ""], dict]:
        """Take one step without automatic reset; draws nothing."""
        del key
        action = jnp.clip(action, -1.0, 1.0)
        angle, velocity = state.angle, state.velocity
        for _ in range(NUM_SUBSTEPS):
            change = velocity * TIME_STEP + action * TIME_STEP**2 / 2
            angle, velocity = angle + change, change / TIME_STEP
        points = joints(angle)
        tip = points[-1]
        is_too_fast = jnp.linalg.norm(tip - state.tip) > params.max_tip_step
        terminated = is_illegal(points, params) | is_too_fast
        is_over = terminated | (state.time + 1 >= params.max_steps_in_episode)
        distance = jnp.linalg.norm(params.goals - tip, axis=-1)
        is_paid = is_over & (distance.min() < params.goal_radius)
        reward = jnp.where(is_paid, 1 - distance.min() / params.goal_radius, 0.0)
        area = jnp.where(is_paid, distance.argmin(), NO_AREA).astype(jnp.int32)
        state = State(time=state.time + 1, angle=angle, velocity=velocity, tip=tip, area=area)
        return self.get_obs(state), state, reward, terminated, {"discount": 1.0 - terminated}

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Float[Array, " joint"], State]:
        """Start an episode rolled up; draws nothing."""
        del key, params
        angle = jnp.array(FIRST_ANGLES, jnp.float32)
        state = State(
            time=jnp.zeros((), jnp.int32),
            angle=angle,
            velocity=jnp.zeros(NUM_JOINTS),
            tip=joints(angle)[-1],
            area=jnp.int32(NO_AREA),
        )
        return self.get_obs(state), state

    def get_obs(
        self, state: State, params: Params | None = None, key: PRNGKeyArray | None = None
    ) -> Float[Array, " joint"]:
        """Angles of joints, in units of pi."""
        del params, key
        return state.angle / jnp.pi

    def position(self, state: State) -> Float[Array, "2"]:
        """Where the tip is: the behaviour that searches for many of them should cover."""
        return state.tip

    def image(self, state: State, params: Params, size: int) -> UInt8[Array, "size size 3"]:
        """The square from above: black walls, red goals, and the arm as a blue line."""
        across = (jnp.arange(size) + 0.5) / size
        places = jnp.stack(jnp.meshgrid(across, 1 - across), axis=-1)
        low, high = np.moveaxis(np.array(WALLS), 1, 0)
        half = 0.5 / size  # Of a pixel, so that no wall falls between centres.
        walls = (
            ((places[:, :, None] >= low - half) & (places[:, :, None] <= high + half))
            .all(axis=-1)
            .any(axis=-1)
        )
        goals = jnp.linalg.norm(places[:, :, None] - params.goals, axis=-1) < params.goal_radius
        points = joints(state.angle)
        arm = _distance_to_links(places, points).min(axis=-1) < 0.75 / size
        red = goals.any(axis=-1) & ~walls & ~arm
        background = ~(red | walls | arm)
        planes = jnp.stack([red | background, background, arm | background], axis=-1)
        return planes.astype(jnp.uint8) * jnp.uint8(255)

    def highest_rewards(self, params: Params) -> Float[np.ndarray, " area"]:
        """What no episode can be paid more than: 1, for a tip in the middle of a goal."""
        return np.ones(len(params.goals))

    def action_space(self, params: Params | None = None) -> spaces.Box:
        """Accelerations of joints, in radians per squared second."""
        return spaces.Box(-1.0, 1.0, (NUM_JOINTS,), jnp.float32)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        """Angles in units of pi, which the length of an episode bounds to less than these."""
        return spaces.Box(-2.0, 2.0, (NUM_JOINTS,), jnp.float32)

    def state_space(self, params: Params | None = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "angle": spaces.Box(-2 * np.pi, 2 * np.pi, (NUM_JOINTS,), jnp.float32),
                "velocity": spaces.Box(-2.0, 2.0, (NUM_JOINTS,), jnp.float32),
                "tip": spaces.Box(-0.5, 1.5, (2,), jnp.float32),
                "area": spaces.Box(NO_AREA, len(GOALS) - 1, (), jnp.int32),
            }
        )


def is_illegal(points: Float[Array, "point 2"], params: Params) -> Bool[Array, ""]:
    """Whether an arm leaves the square, enters a wall or touches itself, by its joints."""
    low, high = np.moveaxis(np.array(WALLS), 1, 0)
    outside = ((points < 0) | (points >= 1)).any()
    in_wall = ((points[:, None] >= low) & (points[:, None] <= high)).all(axis=-1).any()
    # Each pair once, by how far apart its joints are along the arm.
    across, up = points.T
    between = [
        jnp.abs(across[apart:] - across[:-apart]) + jnp.abs(up[apart:] - up[:-apart])
        for apart in range(1, len(points))
    ]
    nearest = jnp.concatenate(between).min()
    return outside | in_wall | (nearest < params.nearest_joints * LINK)


def _distance_to_links(
    places: Float[Array, "row column 2"], points: Float[Array, "point 2"]
) -> Float[Array, "row column link"]:
    start, along = points[:-1], points[1:] - points[:-1]
    away = places[:, :, None] - start
    share = jnp.clip((away * along).sum(axis=-1) / LINK**2, 0.0, 1.0)
    return jnp.linalg.norm(away - share[..., None] * along, axis=-1)
