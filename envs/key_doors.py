"""Rooms whose doors open with keys, and a treasure behind them: a needle in a haystack."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.cells import Cells, rounded_observations
from rlsuite.envs.step_tables import StepTable

FLOOR, WALL, TRAP, TREASURE, FIRST_KEY = range(5)
"""Codes of cells. Keys come after, and then the doors, in the order of the keys."""

MAX_STEPS = 200

_SIGNS = {".": FLOOR, "S": FLOOR, "#": WALL, "X": TRAP, "T": TREASURE}

ROOMS = """
#############
#S....#.....#
#.###.#.X.X.#
#.#...d...X.#
#.#.X.#.X.X.#
#...X.#.X..K#
#####.####D##
#...X.#.....#
#.X...#.XXX.#
#.X.X.#.X...#
#...X.#.X.X.#
#k....#...XT#
#############
"""
"""Three rooms in a row of two doors: the treasure is 46 moves away, by both keys."""


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level: the code of each cell, row by row, where the agent starts, and what is paid."""

    max_steps_in_episode: Int[Array, ""]
    cells: Int[Array, " cells"]
    start: Int[Array, ""]
    key_payoff: Float[Array, ""]
    door_payoff: Float[Array, ""]
    treasure_payoff: Float[Array, ""]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, where the agent is, which keys it holds and which doors it has opened."""

    time: Int[Array, ""]
    position: Int[Array, ""]
    held: Bool[Array, " key"]
    opened: Bool[Array, " key"]


class _Drawing(NamedTuple):
    cells: Int[np.ndarray, "row column"]
    start: int


class KeyDoors(environment.Environment[State, Params]):
    """A grid of rooms in which the agent picks up keys, opens doors, and looks for a treasure.

    It moves in four directions; walls and doors whose key it doesn't hold stop it. Stepping on a
    key for the first time picks it up and pays 1, opening a door uses its key up and pays 3. The
    treasure pays 10 and terminates the episode; a trap terminates it and pays nothing. A level may
    pay otherwise. Nothing is drawn at random. The world is the suite's own, after what makes
    Montezuma's Revenge hard.

    Args:
        drawing: Of the level, a line for each row: `#` walls, `.` floor, `S` the start, `X` traps,
            `T` the treasure, and the signs of keys and doors.
        keys: Pairs of a key's and its door's sign.
        max_steps: Limit of an episode.

    Raises:
        ValueError: If the drawing is not a rectangle, has no start or not exactly one, or signs
            that mean nothing.
    """

    def __init__(
        self,
        drawing: str = ROOMS,
        *,
        keys: tuple[str, ...] = ("kd", "KD"),
        max_steps: int = MAX_STEPS,
    ):
        self._drawing, self._keys, self._max_steps = drawing, keys, max_steps
        drawn = _read(drawing, keys)
        self.num_rows, self.num_columns = drawn.cells.shape
        self.num_keys = len(keys)
        self._cells, self._start = drawn.cells.reshape(-1), drawn.start

    def _static(self) -> tuple:
        return (self._drawing, self._keys, self._max_steps)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KeyDoors) and self._static() == other._static()

    def __hash__(self) -> int:
        return hash(self._static())

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "KeyDoors-v0"

    @property
    def num_actions(self) -> int:
        """Up, right, down and left."""
        return 4

    @property
    def default_params(self) -> Params:
        """The level that was drawn."""
        return Params(
            max_steps_in_episode=jnp.int32(self._max_steps),
            cells=jnp.asarray(self._cells, jnp.int32),
            start=jnp.int32(self._start),
            key_payoff=jnp.float32(1.0),
            door_payoff=jnp.float32(3.0),
            treasure_payoff=jnp.float32(10.0),
        )

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Int[ArrayLike, ""], params: Params
    ) -> tuple[Float[Array, "row column plane"], State, Float[Array, ""], Bool[Array, ""], dict]:
        """Take one step without automatic reset; draws nothing."""
        del key
        action = jnp.asarray(action)
        row, column = jnp.divmod(state.position, self.num_columns)
        row += jnp.int32(action == 2) - jnp.int32(action == 0)
        column += jnp.int32(action == 1) - jnp.int32(action == 3)
        inside = (row >= 0) & (row < self.num_rows) & (column >= 0) & (column < self.num_columns)
        ahead = jnp.where(inside, row * self.num_columns + column, state.position)
        code = params.cells[ahead]
        numbers = FIRST_KEY + jnp.arange(self.num_keys)
        is_key, is_door = code == numbers, code == numbers + self.num_keys
        locked = (is_door & ~state.held & ~state.opened).any()
        moves = ~locked & (code != WALL)
        picked = moves & is_key & ~state.held & ~state.opened
        opens = moves & is_door & state.held
        found = moves & (code == TREASURE)
        reward = (
            params.key_payoff * picked.sum()
            + params.door_payoff * opens.sum()
            + params.treasure_payoff * found
        )
        terminated = found | (moves & (code == TRAP))
        state = State(
            time=state.time + 1,
            position=jnp.where(moves, ahead, state.position),
            held=(state.held | picked) & ~opens,
            opened=state.opened | opens,
        )
        info = {"discount": 1.0 - terminated}
        return self.get_obs(state, params), state, jnp.float32(reward), terminated, info

    def reset_env(
        self, key: PRNGKeyArray, params: Params
    ) -> tuple[Float[Array, "row column plane"], State]:
        """Start an episode; draws nothing."""
        del key
        nothing = jnp.zeros(self.num_keys, bool)
        state = State(
            time=jnp.zeros((), jnp.int32), position=params.start, held=nothing, opened=nothing
        )
        return self.get_obs(state, params), state

    def get_obs(
        self, state: State, params: Params, key: PRNGKeyArray | None = None
    ) -> Float[Array, "row column plane"]:
        """Planes: agent, walls, traps, treasure, each key and door still there, and keys held."""
        del key
        cells = params.cells
        numbers = FIRST_KEY + jnp.arange(self.num_keys)
        there = ~state.held & ~state.opened
        planes = [
            jnp.arange(cells.size) == state.position,
            *(cells == code for code in (WALL, TRAP, TREASURE)),
            *((cells == numbers[:, None]) & there[:, None]),
            *((cells == numbers[:, None] + self.num_keys) & ~state.opened[:, None]),
            *jnp.broadcast_to(state.held[:, None], (self.num_keys, cells.size)),
        ]
        stacked = jnp.stack(planes, axis=-1).astype(jnp.float32)
        return stacked.reshape(self.num_rows, self.num_columns, -1)

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """Up, right, down and left."""
        return spaces.Discrete(self.num_actions)

    def observation_space(self, params: Params | None = None) -> spaces.Box:
        """Planes over the grid."""
        shape = (self.num_rows, self.num_columns, 4 + 3 * self.num_keys)
        return spaces.Box(0.0, 1.0, shape, jnp.float32)

    def state_space(self, params: Params | None = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        flags = spaces.Box(0, 1, (self.num_keys,), jnp.bool_)
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "position": spaces.Discrete(self._cells.size),
                "held": flags,
                "opened": flags,
            }
        )

    @property
    def is_wall(self) -> Bool[np.ndarray, "row column"]:
        """Where there are walls."""
        return (self._cells == WALL).reshape(self.num_rows, self.num_columns)

    @property
    def signs(self) -> dict[tuple[int, int], str]:
        """By row and column, what is drawn there but for walls and floor."""
        rows = self._drawing.strip().splitlines()
        return {
            (row, column): sign
            for row, line in enumerate(rows)
            for column, sign in enumerate(line)
            if sign not in "#."
        }

    def situation_name(self, which: int) -> str:
        """The keys held and doors opened of a situation, by its number modulo 3 to the keys."""
        parts = []
        for place, pair in enumerate(self._keys):
            what = which // 3**place % 3
            parts += [f"{pair[0]} held"] * (what == 1) + [f"{pair[1]} open"] * (what == 2)
        return ", ".join(parts) or "no key yet"

    @property
    def cells(self) -> dict[str, Cells]:
        """By name: situations, all that matters of a state but the time; and coarse pictures.

        `blocks` are planes averaged over 3 × 3 cells, in four levels that are rounded up, so that
        a single thing in a block shows, and hashed into 4096: much aliases.
        """
        hashed = rounded_observations(4096, 1.0)
        return {
            "situation": Cells(self.num_situations, lambda state, seen: self.situation(state)),
            "blocks": Cells(4096, lambda state, seen: hashed.of(state, coarse(seen))),
        }

    @property
    def num_situations(self) -> int:
        """How many numbers `situation` may return."""
        return self._cells.size * 3**self.num_keys

    def step_table(self, params: Params) -> StepTable:
        """What every action leads to in every situation, whether one can come to it or not."""
        digits = jnp.arange(self.num_situations)[:, None] // 3 ** jnp.arange(self.num_keys) % 3
        states = State(
            time=jnp.zeros(self.num_situations, jnp.int32),
            position=jnp.arange(self.num_situations) // 3**self.num_keys,
            held=digits == 1,
            opened=digits == 2,
        )
        key = jax.random.key(0)

        def step(state, action):
            _, after, reward, terminated, _ = self.step_env(key, state, action, params)
            return self.situation(after), reward, terminated

        actions = jnp.arange(self.num_actions)
        following, reward, terminated = jax.vmap(jax.vmap(step, (None, 0)), (0, None))(
            states, actions
        )
        start = self.situation(self.reset_env(key, params)[1])
        return StepTable(start, start, following, reward, terminated, cell=following)

    def situation(self, state: State) -> Int[Array, ""]:
        """A number for all that matters of a state but the time: place, keys held, doors opened."""
        of_keys = state.held + 2 * state.opened
        place = 3 ** jnp.arange(self.num_keys)
        return state.position * 3**self.num_keys + (of_keys * place).sum()


def coarse(planes: Float[Array, "row column plane"]) -> Float[Array, "block block plane"]:
    """Planes in blocks of 3 × 3 cells: a third of the things in each, rounded up."""
    rows, columns = (-size % 3 for size in planes.shape[:2])
    padded = jnp.pad(planes, ((0, rows), (0, columns), (0, 0)))
    parts = padded.reshape(padded.shape[0] // 3, 3, padded.shape[1] // 3, 3, -1)
    # In ninths, so that rounding up is exact.
    return jnp.ceil(parts.sum(axis=(1, 3)) / 3)


def _read(drawing: str, keys: tuple[str, ...]) -> _Drawing:
    rows = drawing.strip().splitlines()
    if not rows or len({len(row) for row in rows}) != 1:
        raise ValueError("drawing: its rows are not all of the same length")
    codes = _SIGNS | {pair[0]: FIRST_KEY + place for place, pair in enumerate(keys)}
    codes |= {pair[1]: FIRST_KEY + len(keys) + place for place, pair in enumerate(keys)}
    unknown = sorted(set("".join(rows)) - set(codes))
    if unknown:
        raise ValueError(f"drawing: {unknown[0]!r} is not allowed; signs are {''.join(codes)}")
    starts = [place for place, sign in enumerate("".join(rows)) if sign == "S"]
    if len(starts) != 1:
        raise ValueError(f"drawing: {len(starts)} starts are not allowed; there must be one S")
    return _Drawing(np.array([[codes[sign] for sign in row] for row in rows]), starts[0])
