"""The partially observed maze of environment design: dynamics and what the agent sees.

Sources: MiniGrid's conventions (Chevalier-Boisvert et al., arXiv 2306.13831) as PAIRED (Dennis et
al., arXiv 2012.02096) and its successors use them.

A *level* is a `Params`. The `Maze` object itself holds only static sizes, so worlds are vmapped
over levels and over states alike.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.automatic_reset import step_and_reset
from rlsuite.envs.maze.view import EAST, WORD, seen_goal, seen_walls, step_ahead

LEFT, RIGHT, FORWARD = range(3)
"""Actions: two turns on the spot, and a step. MiniGrid's others do nothing in a maze."""

MINIGRID_ACTIONS = 7
"""Actions that MiniGrid has: those three, pick up, drop, toggle and done."""

MAX_STEPS = 250
"""The usual limit of an episode."""

# MiniGrid's numbers over ten, (object, colour, state), of floor, wall and goal.
CODES = np.array([[0.1, 0.0, 0.0], [0.2, 0.5, 0.0], [0.8, 0.1, 0.0]], np.float32)
GOAL = 2


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level. Cells are numbered row by row over the world's `side` x `side` grid.

    A smaller maze is one with walls around it: what lies outside the grid is seen as wall and
    blocks like one. `start` and `goal` are distinct cells without wall.
    """

    max_steps_in_episode: Int[Array, ""]
    walls: Bool[Array, " cells"]
    start: Int[Array, ""]
    direction: Int[Array, ""]
    goal: Int[Array, ""]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, and the agent's cell and direction."""

    time: Int[Array, ""]
    position: Int[Array, ""]
    direction: Int[Array, ""]


@struct.dataclass
class View:
    """What the agent sees.

    Attributes:
        image: MiniGrid's numbers of object, colour and state over ten, for each cell of a square
            window. The agent stands in the middle of its last row and looks along its columns to
            the first. Walls hide nothing, and the agent is not shown.
        direction: Where it looks.
    """

    image: Float[Array, "*batch view view 3"]
    direction: Int[Array, "*batch"]


class Maze(environment.Environment[State, Params]):
    r"""A maze in which the agent sees what lies just ahead of it, and looks for the goal.

    It turns on the spot or steps forward (into a wall or off the grid means staying put). The step
    onto the goal terminates the episode, before the agent moves, and pays

    .. math:: r = 1 - 0.9 \, t / T

    where :math:`t` counts this step too and :math:`T` is `max_steps_in_episode`. The limit
    truncates. Nothing is drawn at random, in steps or at resets.

    Worlds are hashable and equal when their sizes are, so that equal worlds share compiled code;
    `default_params` plays no part in equality.

    Args:
        side: Side of the grid.
        view: Side of the window that the agent sees, an odd number.
        num_actions: 3, or up to MiniGrid's 7, of which those beyond the third do nothing.
        default_params: The level used where none is passed; by default an empty grid, crossed from
            corner to corner.

    Raises:
        ValueError: If a size is out of range.
    """

    def __init__(
        self,
        side: int = 13,
        *,
        view: int = 5,
        num_actions: int = 3,
        default_params: Params | None = None,
    ):
        if side < 2:
            raise ValueError(f"side: {side} is not allowed; it must be at least 2")
        if not 3 <= view <= WORD or view % 2 == 0:
            raise ValueError(f"view: {view} is not allowed; it must be odd and from 3 to {WORD}")
        if not 3 <= num_actions <= MINIGRID_ACTIONS:
            raise ValueError(
                f"num_actions: {num_actions} is not allowed; it must be from 3 to "
                f"{MINIGRID_ACTIONS}"
            )
        self.side = side
        self.view = view
        self.cells = side**2
        self._num_actions = num_actions
        self._default_params = default_params

    def _static(self) -> tuple:
        return (self.side, self.view, self.num_actions)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Maze) and self._static() == other._static()

    def __hash__(self) -> int:
        return hash(self._static())

    def __repr__(self) -> str:
        return f"Maze(side={self.side}, view={self.view}, num_actions={self.num_actions})"

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "Maze-v0"

    @property
    def num_actions(self) -> int:
        """Left, right, forward, and those that do nothing."""
        return self._num_actions

    @property
    def default_params(self) -> Params:
        """The level used where none is passed."""
        return _empty_level(self) if self._default_params is None else self._default_params

    def step(
        self,
        key: PRNGKeyArray,
        state: State,
        action: Int[ArrayLike, ""],
        params: Params | None = None,
    ) -> tuple[View, State, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Take one step and reset automatically when the episode ends, as gymnax has it."""
        # Filled in here, not under jit: equal worlds may have unequal default levels.
        params = self.default_params if params is None else params
        return self._step_and_reset(key, state, action, params)

    @partial(jax.jit, static_argnames=("self",))
    def _step_and_reset(
        self, key: PRNGKeyArray, state: State, action: Int[ArrayLike, ""], params: Params
    ) -> tuple[View, State, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        return step_and_reset(self, key, key, state, action, params)

    def reset(self, key: PRNGKeyArray, params: Params | None = None) -> tuple[View, State]:
        """Start an episode at the level's start."""
        return super().reset(key, self.default_params if params is None else params)

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Int[ArrayLike, ""], params: Params
    ) -> tuple[View, State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Take one step without automatic reset; draws nothing."""
        del key
        row_step, column_step = step_ahead(state.direction)
        row, column = jnp.divmod(state.position, self.side)
        ahead = self._cell(row + row_step, column + column_step)
        steps = action == FORWARD
        terminated = steps & (ahead == params.goal)
        blocked = _look_up(params.walls, ahead) | terminated
        time = state.time + 1
        turn = jnp.int32(action == RIGHT) - jnp.int32(action == LEFT)
        state = State(
            time=time,
            position=jnp.where(steps & ~blocked, ahead, state.position),
            direction=(state.direction + turn) % 4,
        )
        reward = jnp.where(terminated, 1.0 - 0.9 * time / params.max_steps_in_episode, 0.0)
        info = {"discount": 1.0 - terminated}
        return self.get_obs(state, params), state, reward, terminated, info

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[View, State]:
        """Start an episode; draws nothing."""
        del key
        state = State(
            time=jnp.zeros((), jnp.int32), position=params.start, direction=params.direction
        )
        return self.get_obs(state, params), state

    def get_obs(self, state: State, params: Params, key: PRNGKeyArray | None = None) -> View:
        """Show a state as the agent sees it."""
        del key
        where = self.side, self.view, state.position, state.direction
        wall = seen_walls(params.walls, *where)
        kinds = jnp.where(seen_goal(params.goal, *where), GOAL, wall.astype(jnp.int32))
        return View(image=jnp.asarray(CODES)[kinds], direction=state.direction)

    def seen_cells(self, state: State) -> Int[Array, "view view"]:
        """The cell in each place of the window, and `side ** 2` for what is outside the grid."""
        row, column = jnp.divmod(state.position, self.side)
        row_step, column_step = step_ahead(state.direction)
        away = jnp.arange(self.view - 1, -1, -1, dtype=jnp.int32)[:, None]
        beside = jnp.arange(self.view, dtype=jnp.int32) - self.view // 2
        # To the right of (row, column) steps (r, c) lies (c, -r).
        return self._cell(
            row + away * row_step + beside * column_step,
            column + away * column_step - beside * row_step,
        )

    def _cell(
        self, row: Int[Array, "*cells"], column: Int[Array, "*cells"]
    ) -> Int[Array, "*cells"]:
        inside = (row >= 0) & (row < self.side) & (column >= 0) & (column < self.side)
        return jnp.where(inside, row * self.side + column, self.cells)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """Left, right, forward, and those that do nothing."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: Params | None = None) -> spaces.Dict:
        """The image and the direction of a `View`."""
        return spaces.Dict(
            {
                "image": spaces.Box(0.0, 1.0, (self.view, self.view, 3), jnp.float32),
                "direction": spaces.Discrete(4),
            }
        )

    def state_space(self, params: Params | None = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "position": spaces.Discrete(self.cells),
                "direction": spaces.Discrete(4),
            }
        )


def _empty_level(world: Maze) -> Params:
    return Params(
        max_steps_in_episode=jnp.int32(MAX_STEPS),
        walls=jnp.zeros(world.cells, bool),
        start=jnp.int32(0),
        direction=jnp.int32(EAST),
        goal=jnp.int32(world.cells - 1),
    )


def _look_up(walls: Bool[Array, " cells"], cells: Int[Array, "*seen"]) -> Bool[Array, "*seen"]:
    """Whether there is a wall; outside the grid there is."""
    return walls.at[cells].get(mode="fill", fill_value=True)
