"""Rooms on a grid whose map is one of several, picked anew for each episode."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, Int8, PRNGKeyArray

from rlsuite.envs.cells import Cells, rounded_observations
from rlsuite.envs.step_tables import StepTable

FLOOR, WALL, LAVA, GOAL, KEY, DOOR = range(6)
"""Codes of a map's cells."""

KEY_LIES, KEY_IS_HELD, DOOR_IS_OPEN = range(3)
"""Stages of an episode with a key; the key is used up by the door."""

MESSAGES = ("none", "key here", "key taken", "door locked", "door opened", "goal here")
"""What the agent is told of what it came to, or has done."""

_NUM_STAGES, _NUM_VIEWS = 3, 1024
_MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
_PICK_UP, _OPEN = 4, 5


@struct.dataclass
class Map:
    """A context: the code of each cell, row by row, and where the agent starts."""

    cells: Int8[Array, " cells"]
    start: Int[Array, ""]


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level: the limit of an episode, and the maps that an episode's is picked from.

    Maps are drawn once, and not in `reset`, which gymnax computes on every step.
    """

    max_steps_in_episode: Int[Array, ""]
    maps: Map

    @property
    def num_maps(self) -> int:
        """How many there are."""
        return self.maps.start.shape[0]

    def first_maps(self, number: Int[Array, ""]) -> "Params":
        """The same level with the first so many of its maps alone, each as often as may be.

        Args:
            number: Of maps; at least 1. It may be traced.
        """
        kept = jnp.arange(self.num_maps) % number
        return self.replace(maps=jax.tree.map(lambda leaf: leaf[kept], self.maps))


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, which map it is, where the agent is, the stage, and what it is told."""

    time: Int[Array, ""]
    context: Int[Array, ""]
    position: Int[Array, ""]
    stage: Int[Array, ""]
    message: Int[Array, ""]


class Rooms(environment.Environment[State, Params]):
    """A grid whose map is one of many, which the agent is not told (after arXiv 2306.03236).

    The agent moves in four directions; walls and a locked door stop it, lava terminates the
    episode and pays nothing, the goal terminates it and pays 1. With keys there are two more
    actions: picking up what lies here, and opening a door beside the agent with the key in hand.

    It sees its surroundings, a square of planes with itself in the middle: what is no floor, and
    the goal; with keys also the key and the locked door where they are, whether the key is held,
    and what it is told, one of `MESSAGES`. Planes of random bits, drawn anew at each step, stand
    for symbols that mean nothing. All of it is one vector. These grids are stand-ins for tasks of
    MiniHack, with rules and numbers of the suite's own.

    Args:
        side: Cells along each side; at least 3.
        has_keys: Whether there are keys, doors and messages.
        view_radius: Cells seen in each direction.
        num_distractions: Planes of random bits.
        default_params: The level by default, such as `bank` of `rlsuite.envs.rooms` draws it; else
            one map of floor alone in walls.

    Raises:
        ValueError: If the side is below 3, or either number negative.
    """

    def __init__(
        self,
        side: int,
        *,
        has_keys: bool,
        view_radius: int = 4,
        num_distractions: int = 0,
        default_params: Params | None = None,
    ):
        bounds = (("side", side, 3), ("view_radius", view_radius, 0))
        for name, value, least in (*bounds, ("num_distractions", num_distractions, 0)):
            if value < least:
                raise ValueError(f"{name}: {value} is not allowed; it must be at least {least}")
        self.side, self.has_keys = side, has_keys
        self.view_radius, self.num_distractions = view_radius, num_distractions
        self._default_params = default_params

    @property
    def name(self) -> str:
        """The name of this world."""
        return "KeyRoom" if self.has_keys else "MultiRoomLava"

    @property
    def num_actions(self) -> int:
        """Up, right, down and left; with keys, also picking up and opening."""
        return 6 if self.has_keys else 4

    @property
    def default_params(self) -> Params:
        """The level that was given, else a room of floor alone."""
        if self._default_params is not None:
            return self._default_params
        grid = np.full((self.side, self.side), WALL, np.int8)
        grid[1:-1, 1:-1] = FLOOR
        maps = Map(jnp.asarray(grid.reshape(1, -1)), jnp.array([self.side + 1]))
        return Params(max_steps_in_episode=jnp.int32(100), maps=maps)

    @property
    def cells(self) -> dict[str, Cells]:
        """The position; with keys, also the message; without distractions what is seen, hashed."""
        known = {"position": Cells(self.side**2, lambda state, seen: state.position)}
        if not self.num_distractions:
            known["view"] = rounded_observations(_NUM_VIEWS, 1.0)
        if self.has_keys:
            known["message"] = Cells(len(MESSAGES), lambda state, seen: state.message)
        return known

    def step_env(
        self, key: PRNGKeyArray, state: State, action: ArrayLike, params: Params
    ) -> tuple[Float[Array, " number"], State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step, without automatic reset; draws nothing but distractions."""
        action = jnp.asarray(action, jnp.int32)
        grid = params.maps.cells[state.context]
        ahead, codes = self._neighbours(grid, state.position)
        towards = jnp.minimum(action, 3)
        is_move = action < 4
        is_locked = (codes == DOOR) & (state.stage != DOOR_IS_OPEN)
        moves = is_move & (codes[towards] != WALL) & ~is_locked[towards]
        picks = (action == _PICK_UP) & (grid[state.position] == KEY) & (state.stage == KEY_LIES)
        opens = (action == _OPEN) & is_locked.any() & (state.stage == KEY_IS_HELD)
        position = jnp.where(moves, ahead[towards], state.position)
        stage = jnp.where(opens, DOOR_IS_OPEN, jnp.where(picks, KEY_IS_HELD, state.stage))
        here = grid[position]
        found = moves & (here == GOAL)
        told = (
            ((here == KEY) & (stage == KEY_LIES), "key here"),
            (picks, "key taken"),
            (is_move & is_locked[towards], "door locked"),
            (opens, "door opened"),
            (found, "goal here"),
        )
        message = jnp.zeros((), jnp.int32)
        for condition, text in told:
            message = jnp.where(condition, MESSAGES.index(text), message)
        state = State(
            time=state.time + 1,
            context=state.context,
            position=position,
            stage=stage,
            message=message,
        )
        terminated = found | (moves & (here == LAVA))
        return self.get_obs(state, params, key), state, jnp.float32(found), terminated, {}

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Float[Array, " number"], State]:
        """Starts an episode on one of the maps, all equally likely."""
        context_key, view_key = jax.random.split(key)
        context = jax.random.randint(context_key, (), 0, params.num_maps, jnp.int32)
        state = self.start(params, context)
        return self.get_obs(state, params, view_key), state

    def start(self, params: Params, context: Int[Array, ""]) -> State:
        """The state in which episodes on one of the maps begin."""
        zero = jnp.zeros((), jnp.int32)
        position = params.maps.start[context].astype(jnp.int32)
        return State(time=zero, context=context, position=position, stage=zero, message=zero)

    def map_table(self, params: Params, context: Int[Array, ""], cells: Cells) -> StepTable:
        """Steps every action in every state of a map once; vmappable over contexts.

        States are numbered by position and stage, `3 position + stage`.

        Args:
            params: The level.
            context: The number of the map.
            cells: By which states are told apart.
        """
        zero, key = jnp.zeros((), jnp.int32), jax.random.key(0)

        def step(number, action):
            position, stage = jnp.divmod(number, _NUM_STAGES)
            state = State(time=zero, context=context, position=position, stage=stage, message=zero)
            seen, after, reward, terminated, _ = self.step_env(key, state, action, params)
            return _number(after), reward, terminated, cells.of(after, seen)

        numbers, actions = jnp.arange(self.side**2 * _NUM_STAGES), jnp.arange(self.num_actions)
        found = jax.vmap(jax.vmap(step, (None, 0)), (0, None))(numbers, actions)
        start = self.start(params, context)
        start_cell = cells.of(start, self.observe(key, start, None, params))
        return StepTable(_number(start), start_cell, *found)

    def get_obs(
        self, state: State, params: Params, key: PRNGKeyArray | None = None
    ) -> Float[Array, " number"]:
        """What the agent sees of its surroundings; without a key no distraction is there."""
        across = jnp.arange(-self.view_radius, self.view_radius + 1)
        row, column = jnp.divmod(state.position, self.side)
        rows, columns = row + across[:, None], column + across
        inside = (rows >= 0) & (rows < self.side) & (columns >= 0) & (columns < self.side)
        grid = params.maps.cells[state.context]
        codes = jnp.where(inside, grid[jnp.where(inside, rows * self.side + columns, 0)], WALL)
        parts = [(codes == WALL) | (codes == LAVA), codes == GOAL]
        if self.has_keys:
            lies, is_open = state.stage == KEY_LIES, state.stage == DOOR_IS_OPEN
            parts += [(codes == KEY) & lies, (codes == DOOR) & ~is_open]
            parts += [state.stage == KEY_IS_HELD, jnp.arange(1, len(MESSAGES)) == state.message]
        if self.num_distractions:
            shape = (self.num_distractions, *codes.shape)
            noise = jnp.zeros(shape, bool) if key is None else jax.random.bernoulli(key, 0.5, shape)
            parts.append(noise)
        return jnp.concatenate([jnp.ravel(part) for part in parts]).astype(jnp.float32)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """Moves; with keys, also picking up and opening."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: Any = None) -> spaces.Box:
        """A vector of zeros and ones."""
        size = (2 * self.view_radius + 1) ** 2
        length = (2 + self.num_distractions) * size
        if self.has_keys:
            length += 2 * size + len(MESSAGES)
        return spaces.Box(0.0, 1.0, (length,), jnp.float32)

    def state_space(self, params: Any = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        any_number = spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32)
        return spaces.Dict(
            {
                "time": any_number,
                "context": any_number,
                "position": spaces.Discrete(self.side**2),
                "stage": spaces.Discrete(_NUM_STAGES),
                "message": spaces.Discrete(len(MESSAGES)),
            }
        )

    def _neighbours(
        self, grid: Int8[Array, " cells"], position: Int[Array, ""]
    ) -> tuple[Int[Array, "4"], Int8[Array, "4"]]:
        """The cells around a position, and their codes; beyond the grid there are walls."""
        row, column = jnp.divmod(position, self.side)
        rows, columns = (
            place + jnp.array(change, jnp.int32)
            for place, change in zip((row, column), zip(*_MOVES, strict=True), strict=True)
        )
        inside = (rows >= 0) & (rows < self.side) & (columns >= 0) & (columns < self.side)
        ahead = jnp.where(inside, rows * self.side + columns, position)
        return ahead, jnp.where(inside, grid[ahead], jnp.int8(WALL))


def _number(state: State) -> Int[Array, ""]:
    return state.position * _NUM_STAGES + state.stage
