"""The world of a teacher: a maze that is built step by step, by whoever wants a student in it."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.construction import Construction
from rlsuite.envs.gridworld.chance import draw_free_cells
from rlsuite.envs.maze.levels import check_budget
from rlsuite.envs.maze.view import EAST
from rlsuite.envs.maze.world import Maze, Params

NUM_PLACED = 3
"""Steps that place something: the goal, the direction the agent looks in, and the agent."""

UNPLACED = -1


@partial(struct.dataclass, kw_only=True)
class ConstructionParams(environment.EnvParams):
    """No number of steps cuts a construction: it ends with its last step."""

    max_steps_in_episode: float = jnp.inf


@partial(struct.dataclass, kw_only=True)
class ConstructionState(environment.EnvState):
    """Steps taken, the level as it is, and random numbers by which constructions differ."""

    time: Int[Array, ""]
    level: Params
    noise: Float[Array, " noise"]


@struct.dataclass
class Blueprint:
    """What a teacher sees.

    Attributes:
      image: planes of walls, goal and agent, zero before they are placed.
      direction: that the agent looks in.
      progress: share of the steps that is past.
      noise: random numbers that stay as they are.
    """

    image: Float[Array, "*batch side side 3"]
    direction: Int[Array, "*batch"]
    progress: Float[Array, "*batch 1"]
    noise: Float[Array, "*batch noise"]


class MazeConstruction(Construction):
    """Building a maze, as the teacher of PAIRED does (Dennis et al., arXiv 2012.02096).

    An episode starts with an empty grid; each action is a cell. The first places the goal, the
    second says where the agent looks (the action modulo 4), the third places the agent, on a random
    cell if the goal is there. Each of the others puts up a wall or takes it away, but for cells of
    agent and goal. Nothing is paid; the level after each step is under `"extra"` in `info`.

    Args:
      maze: the world the levels are made for; the limit of their episodes is its default level's.
      num_walls: steps that put up or take away a wall.
      num_noise: random numbers that are shown.

    Raises:
      ValueError: If `num_walls` is out of range.
    """

    def __init__(self, maze: Maze, num_walls: int, num_noise: int = 16):
        check_budget(maze, num_walls)
        self.maze, self.num_walls, self.num_noise = maze, num_walls, num_noise

    @property
    def name(self) -> str:
        """What it is called in errors."""
        return "MazeConstruction"

    @property
    def num_steps(self) -> int:
        """Of every episode."""
        return NUM_PLACED + self.num_walls

    @property
    def num_actions(self) -> int:
        """A cell each."""
        return self.maze.cells

    @property
    def default_params(self) -> ConstructionParams:
        """There is nothing to set."""
        return ConstructionParams()

    def reset_env(
        self, key: PRNGKeyArray, params: ConstructionParams
    ) -> tuple[Blueprint, ConstructionState]:
        """Start with an empty grid."""
        level = Params(
            max_steps_in_episode=jnp.int32(self.maze.default_params.max_steps_in_episode),
            walls=jnp.zeros(self.maze.cells, bool),
            start=jnp.int32(UNPLACED),
            direction=jnp.int32(EAST),
            goal=jnp.int32(UNPLACED),
        )
        noise = jax.random.normal(key, (self.num_noise,))
        state = ConstructionState(time=jnp.int32(0), level=level, noise=noise)
        return self.get_obs(state, params), state

    def step_env(
        self,
        key: PRNGKeyArray,
        state: ConstructionState,
        action: Int[ArrayLike, ""],
        params: ConstructionParams,
    ) -> tuple[Blueprint, ConstructionState, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Take one step of building, without automatic reset."""
        level, action = state.level, jnp.asarray(action, jnp.int32)
        cell = jnp.arange(self.maze.cells)
        elsewhere, _ = draw_free_cells(
            jax.random.uniform(key, (1,)), cell != level.goal, jnp.ones(1, bool)
        )
        place = jnp.where(action == level.goal, elsewhere[0], action)
        held = (action == level.start) | (action == level.goal)
        toggled = (cell == action) & ~held & (state.time >= NUM_PLACED)
        level = level.replace(
            goal=jnp.where(state.time == 0, action, level.goal),
            direction=jnp.where(state.time == 1, action % 4, level.direction),
            start=jnp.where(state.time == 2, place, level.start),
            walls=level.walls ^ toggled,
        )
        state = state.replace(time=state.time + 1, level=level)
        ended = state.time >= self.num_steps
        return self.get_obs(state, params), state, jnp.float32(0), ended, {"extra": level}

    def get_obs(
        self, state: ConstructionState, params: ConstructionParams, key: PRNGKeyArray | None = None
    ) -> Blueprint:
        """Show what has been built."""
        level, cell = state.level, jnp.arange(self.maze.cells)
        planes = jnp.stack([level.walls, cell == level.goal, cell == level.start], axis=-1)
        return Blueprint(
            image=planes.reshape(self.maze.side, self.maze.side, 3).astype(jnp.float32),
            direction=level.direction,
            progress=(state.time / self.num_steps)[None],
            noise=state.noise,
        )

    def action_space(self, params: ConstructionParams | None = None) -> spaces.Discrete:
        """The cells."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: ConstructionParams | None = None) -> spaces.Dict:
        """The parts of a `Blueprint`."""
        side = self.maze.side
        return spaces.Dict(
            {
                "image": spaces.Box(0.0, 1.0, (side, side, 3), jnp.float32),
                "direction": spaces.Discrete(4),
                "progress": spaces.Box(0.0, 1.0, (1,), jnp.float32),
                "noise": spaces.Box(-jnp.inf, jnp.inf, (self.num_noise,), jnp.float32),
            }
        )
