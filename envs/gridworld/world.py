"""The grid world of learned policy gradients: dynamics and observations.

Sources: Oh et al. 2020 (arXiv 2007.08794, appendix) and Jackson et al. 2023 (arXiv 2310.02782).

A *level* is a `Params`: everything that tells one grid from another. The `GridWorld` object
itself holds only static sizes, so worlds are vmapped over levels and over states alike.
"""

from functools import partial
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.automatic_reset import step_and_reset
from rlsuite.envs.gridworld.chance import draw_free_cells, flip_coins

NUM_ACTIONS = 5
"""Up, down, left, right, stay, in this order."""

TIME_SCALE = 0.001
"""Observations show the time as steps times this."""

Observation = Literal["index", "one_hot", "planes"]


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level. Cells are numbered row by row over the world's `max_side` x `max_side` grid.

    Cells outside the level's own `side` x `side` corner are blocked whatever `walls` says.
    An object slot whose `object_type` is -1 is unused. `object_position` is where objects stay
    in tabular worlds; other worlds draw positions instead and ignore it.
    """

    max_steps_in_episode: Int[Array, ""]
    side: Int[Array, ""]
    walls: Bool[Array, " cells"]
    start: Int[Array, ""]
    object_type: Int[Array, " objects"]
    object_position: Int[Array, " objects"]
    type_reward: Float[Array, " types"]
    type_termination_probability: Float[Array, " types"]
    type_respawn_probability: Float[Array, " types"]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, the agent's cell, and each object's cell and presence."""

    time: Int[Array, ""]
    position: Int[Array, ""]
    object_position: Int[Array, " objects"]
    object_exists: Bool[Array, " objects"]


@struct.dataclass
class TabularObservation:
    """Index form of a tabular observation.

    `index` is cell + cells * sum_j exists_j 2^j, in [0, num_states); `time` is steps * 0.001.
    """

    index: Int[Array, ""]
    time: Float[Array, ""]


class GridWorld(environment.Environment[State, Params]):
    """A square grid with walls and objects that pay, end the episode and respawn.

    Within a step the agent moves (into a wall or off the grid means staying put), collects every
    object that existed before the step on the cell it now stands on, absent objects respawn with
    their type's probability (an object collected in this step cannot), and the episode terminates
    with the summed termination probability of what was collected, at most 1. The step limit
    truncates and never terminates.

    Worlds are hashable and equal when their sizes and observation are, so that equal worlds share
    compiled code; `default_params` plays no part in equality.

    Args:
        max_side: Side of the largest grid a level may have.
        max_objects: Number of object slots.
        max_types: Number of object types.
        tabular: Whether objects stay where the level puts them. Otherwise each object's cell is
            drawn, at reset and at respawn, among the cells without wall, agent or other object.
        observation: What a tabular world shows: "index" is a `TabularObservation`, "one_hot" the
            float vector [num_states + 1] of the same index, time last. Non-tabular worlds show
            the vector [(1 + max_types) * cells + 1]: a plane for the agent, a plane for each
            type, and the time.
        default_params: The level used where none is passed; by default an empty grid with one
            rewarding, terminating object in the corner opposite to the start.

    Raises:
        ValueError: If a size is out of range or the observation is unknown.
    """

    def __init__(
        self,
        *,
        max_side: int = 13,
        max_objects: int = 5,
        max_types: int = 5,
        tabular: bool = True,
        observation: Literal["index", "one_hot"] = "index",
        default_params: Params | None = None,
    ):
        for name, size, lowest in (
            ("max_side", max_side, 2),
            ("max_objects", max_objects, 1),
            ("max_types", max_types, 1),
        ):
            if size < lowest:
                raise ValueError(f"{name} is {size}; it must be at least {lowest}")
        if observation not in ("index", "one_hot"):
            raise ValueError(f"observation is {observation!r}; it must be 'index' or 'one_hot'")
        self.max_side = max_side
        self.max_objects = max_objects
        self.max_types = max_types
        self.tabular = tabular
        self.observation: Observation = observation if tabular else "planes"
        self.cells = max_side**2
        self.num_states = self.cells * 2**max_objects
        self._default_params = default_params

    def _static(self) -> tuple:
        return (self.max_side, self.max_objects, self.max_types, self.tabular, self.observation)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GridWorld) and self._static() == other._static()

    def __hash__(self) -> int:
        return hash(self._static())

    def __repr__(self) -> str:
        return (
            f"GridWorld(max_side={self.max_side}, max_objects={self.max_objects}, "
            f"max_types={self.max_types}, tabular={self.tabular}, "
            f"observation={self.observation!r})"
        )

    @property
    def name(self) -> str:
        """The id under which gymnax knows the world."""
        return "GridWorld-v0"

    @property
    def num_actions(self) -> int:
        """Five: up, down, left, right, stay."""
        return NUM_ACTIONS

    @property
    def default_params(self) -> Params:
        """The level used where none is passed."""
        return _corner_level(self) if self._default_params is None else self._default_params

    def step(
        self,
        key: PRNGKeyArray,
        state: State,
        action: Int[ArrayLike, ""],
        params: Params | None = None,
    ) -> tuple[Any, State, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Take one step and reset automatically when the episode ends.

        Returns:
            The observation and the state (both after the reset, if there was one), the reward,
            whether the episode terminated, whether it was truncated, and a dictionary with
            "terminated", "truncated", "discount" and "final_observation" (the observation before
            the reset).
        """
        # Filled in here, not under jit: equal worlds may have unequal default levels.
        params = self.default_params if params is None else params
        return self._step_and_reset(key, state, action, params)

    @partial(jax.jit, static_argnames=("self",))
    def _step_and_reset(
        self, key: PRNGKeyArray, state: State, action: Int[ArrayLike, ""], params: Params
    ) -> tuple[Any, State, Float[Array, ""], Bool[Array, ""], Bool[Array, ""], dict[str, Any]]:
        # Tabular worlds draw nothing at reset. Gymnax's own step would split the key all the
        # same, which takes as long as the rest of the step.
        step_key, reset_key = (key, key) if self.tabular else jax.random.split(key)
        return step_and_reset(self, step_key, reset_key, state, action, params)

    def reset(self, key: PRNGKeyArray, params: Params | None = None) -> tuple[Any, State]:
        """Start an episode: the agent at `start`, every object present."""
        return super().reset(key, self.default_params if params is None else params)

    def step_env(
        self, key: PRNGKeyArray, state: State, action: Int[ArrayLike, ""], params: Params
    ) -> tuple[Any, State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """Take one step without automatic reset."""
        uniforms = jax.random.uniform(key, (1 if self.tabular else 1 + self.max_objects,))
        position = _move(state.position, action, params, self.max_side)
        collected = state.object_exists & (state.object_position == position)
        kept = state.object_exists & ~collected
        reward = jnp.sum(collected * _by_object(params.type_reward, params))
        termination_probability = jnp.sum(
            collected * _by_object(params.type_termination_probability, params)
        )
        respawn_probability = ~state.object_exists * _by_object(
            params.type_respawn_probability, params
        )
        coins = flip_coins(uniforms[0], [termination_probability, *respawn_probability])
        terminated, respawned = coins[0], jnp.stack(coins[1:])
        object_position = state.object_position
        if not self.tabular:
            object_position, respawned = self._place_objects(
                uniforms[1:], params, position, object_position, kept, respawned
            )
        state = State(
            time=state.time + 1,
            position=position,
            object_position=object_position,
            object_exists=kept | respawned,
        )
        info = {"discount": 1.0 - terminated}
        return self.get_obs(state, params), state, reward, terminated, info

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Any, State]:
        """Start an episode; draws nothing in tabular worlds."""
        object_exists = params.object_type >= 0
        object_position = params.object_position
        if not self.tabular:
            object_position, object_exists = self._place_objects(
                jax.random.uniform(key, (self.max_objects,)),
                params,
                params.start,
                object_position,
                jnp.zeros_like(object_exists),
                object_exists,
            )
        state = State(
            time=jnp.zeros((), jnp.int32),
            position=params.start,
            object_position=object_position,
            object_exists=object_exists,
        )
        return self.get_obs(state, params), state

    def _place_objects(
        self,
        uniforms: Float[Array, " objects"],
        params: Params,
        agent: Int[Array, ""],
        object_position: Int[Array, " objects"],
        kept: Bool[Array, " objects"],
        placed: Bool[Array, " objects"],
    ) -> tuple[Int[Array, " objects"], Bool[Array, " objects"]]:
        """Draw cells for the objects to be placed, clear of walls, the agent and the kept ones."""
        cell = jnp.arange(self.cells)
        held = jnp.any(kept[:, None] & (object_position[:, None] == cell), axis=0)
        free = open_cells(params, self.max_side) & (cell != agent) & ~held
        drawn, placed = draw_free_cells(uniforms, free, placed)
        return jnp.where(placed, drawn, object_position), placed

    def get_obs(self, state: State, params: Params, key: PRNGKeyArray | None = None) -> Any:
        """Show a state in the world's form of observation (see the class)."""
        del key
        time = state.time * jnp.float32(TIME_SCALE)
        if self.observation == "planes":
            return jnp.append(self._planes(state, params), time)
        index = self._index(state)
        if self.observation == "one_hot":
            return jnp.append(jax.nn.one_hot(index, self.num_states), time)
        return TabularObservation(index=index, time=time)

    def _index(self, state: State) -> Int[Array, ""]:
        bits = jnp.left_shift(1, jnp.arange(self.max_objects, dtype=jnp.int32))
        presence = jnp.sum(state.object_exists * bits, dtype=jnp.int32)
        return state.position + self.cells * presence

    def _planes(self, state: State, params: Params) -> Float[Array, " planes_cells"]:
        # Absent objects get an index past the end, which the scatter drops.
        width = self.cells * (1 + self.max_types)
        on_plane = self.cells * (1 + params.object_type) + state.object_position
        marks = jnp.append(jnp.where(state.object_exists, on_plane, width), state.position)
        return jnp.zeros(width).at[marks].set(1.0, mode="drop")

    def action_space(self, params: Params | None = None) -> spaces.Discrete:
        """The five actions."""
        return spaces.Discrete(NUM_ACTIONS)

    def observation_space(self, params: Params | None = None) -> spaces.Box | spaces.Dict:
        """A `Dict` of index and time for the index form, else a flat `Box`."""
        if self.observation == "index":
            return spaces.Dict(
                {"index": spaces.Discrete(self.num_states), "time": spaces.Box(0.0, jnp.inf, ())}
            )
        one_hot = self.observation == "one_hot"
        width = self.num_states if one_hot else self.cells * (1 + self.max_types)
        high = jnp.append(jnp.ones(width), jnp.inf)
        return spaces.Box(jnp.zeros(width + 1), high, (width + 1,))

    def state_space(self, params: Params | None = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        objects = (self.max_objects,)
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "position": spaces.Discrete(self.cells),
                "object_position": spaces.Box(0, self.cells - 1, objects, jnp.int32),
                "object_exists": spaces.Box(0, 1, objects, jnp.bool_),
            }
        )


def open_cells(params: Params, max_side: int) -> Bool[Array, " cells"]:
    """Which cells of the `max_side` x `max_side` grid the agent can stand on."""
    row, column = jnp.divmod(jnp.arange(max_side**2), max_side)
    return (row < params.side) & (column < params.side) & ~params.walls


def _corner_level(world: GridWorld) -> Params:
    # Filled in by NumPy: it is asked for often where programs are traced, which takes long.
    def per_type(value: float) -> Float[Array, " types"]:
        return jnp.asarray(value * (np.arange(world.max_types) == 0), jnp.float32)

    return Params(
        max_steps_in_episode=jnp.int32(100),
        side=jnp.int32(world.max_side),
        walls=jnp.asarray(np.zeros(world.cells, bool)),
        start=jnp.int32(0),
        object_type=jnp.asarray(np.where(np.arange(world.max_objects), -1, 0), jnp.int32),
        object_position=jnp.asarray(np.full(world.max_objects, world.cells - 1), jnp.int32),
        type_reward=per_type(1.0),
        type_termination_probability=per_type(1.0),
        type_respawn_probability=per_type(0.0),
    )


def _move(
    position: Int[Array, ""], action: Int[ArrayLike, ""], params: Params, max_side: int
) -> Int[Array, ""]:
    row, column = position // max_side, position % max_side
    row_step = jnp.int32(action == 1) - jnp.int32(action == 0)
    column_step = jnp.int32(action == 3) - jnp.int32(action == 2)
    target_row = jnp.clip(row + row_step, 0, params.side - 1)
    target_column = jnp.clip(column + column_step, 0, params.side - 1)
    target = target_row * max_side + target_column
    return jnp.where(params.walls[target], position, target)


def _by_object(type_values: Float[Array, " types"], params: Params) -> Float[Array, " objects"]:
    """Each object's share of a table over types; zero for unused slots."""
    # A comparison with every type, because a gather under vmap is many times slower.
    is_type = params.object_type[:, None] == jnp.arange(type_values.shape[0])
    return jnp.sum(is_type * type_values, axis=-1)
