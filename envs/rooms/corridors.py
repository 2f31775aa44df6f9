"""Corridors that all begin at one place, of which one pays at its end."""

from functools import partial
from typing import Any

import jax.numpy as jnp
from flax import struct
from gymnax.environments import environment, spaces
from jax.typing import ArrayLike
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from rlsuite.envs.cells import Cells


@partial(struct.dataclass, kw_only=True)
class Params(environment.EnvParams):
    """A level: which corridor pays. The limit is the length of a corridor."""

    max_steps_in_episode: Int[Array, ""]
    paying: Int[Array, ""]


@partial(struct.dataclass, kw_only=True)
class State(environment.EnvState):
    """Steps taken, the corridor the agent is in, and how far; 0 is where all of them begin."""

    time: Int[Array, ""]
    corridor: Int[Array, ""]
    place: Int[Array, ""]


class Corridors(environment.Environment[State, Params]):
    """Corridors from one root, each as long as an episode (after arXiv 2306.03236, figure 3).

    At the root the k-th action enters the k-th corridor, which is its first step; in a corridor the
    first action goes on, and all others stay. The end of one corridor pays 1 and terminates the
    episode. One episode is long enough for one corridor, without a single step in vain. What the
    figure leaves open (lengths, actions in a corridor) is the suite's own.

    Args:
        num_corridors: And so of actions; at least 1.
        length: Steps of a corridor, and of an episode; at least 1.

    Raises:
        ValueError: If either is below 1.
    """

    def __init__(self, num_corridors: int = 10, length: int = 10):
        for name, value in (("num_corridors", num_corridors), ("length", length)):
            if value < 1:
                raise ValueError(f"{name}: {value} is not allowed; it must be at least 1")
        self.num_corridors, self.length = num_corridors, length

    @property
    def name(self) -> str:
        """The name of this world."""
        return "Corridors-v0"

    @property
    def num_actions(self) -> int:
        """One for each corridor."""
        return self.num_corridors

    @property
    def default_params(self) -> Params:
        """The last corridor pays."""
        return Params(
            max_steps_in_episode=jnp.int32(self.length), paying=jnp.int32(self.num_corridors - 1)
        )

    @property
    def num_places(self) -> int:
        """The root, and all places of all corridors."""
        return 1 + self.num_corridors * self.length

    @property
    def cells(self) -> dict[str, Cells]:
        """Places."""
        return {"place": Cells(self.num_places, lambda state, seen: self.place(state))}

    def place(self, state: State) -> Int[Array, ""]:
        """The number of a place: 0 is the root, and then come the corridors in order."""
        return jnp.where(state.place == 0, 0, state.corridor * self.length + state.place)

    def step_env(
        self, key: PRNGKeyArray, state: State, action: ArrayLike, params: Params
    ) -> tuple[Int[Array, ""], State, Float[Array, ""], Bool[Array, ""], dict[str, Any]]:
        """One step, without automatic reset."""
        del key
        action = jnp.asarray(action, jnp.int32)
        at_root = state.place == 0
        corridor = jnp.where(at_root, action, state.corridor)
        moves = at_root | ((action == 0) & (state.place < self.length))
        place = state.place + moves
        found = moves & (place == self.length) & (corridor == params.paying)
        state = State(time=state.time + 1, corridor=corridor, place=place)
        return self.place(state), state, jnp.float32(found), found, {}

    def reset_env(self, key: PRNGKeyArray, params: Params) -> tuple[Int[Array, ""], State]:
        """Starts an episode at the root; draws nothing."""
        del key, params
        zero = jnp.zeros((), jnp.int32)
        state = State(time=zero, corridor=zero, place=zero)
        return self.place(state), state

    def get_obs(
        self, state: State, params: Any = None, key: PRNGKeyArray | None = None
    ) -> Int[Array, ""]:
        """The number of the place."""
        return self.place(state)

    def action_space(self, params: Any = None) -> spaces.Discrete:
        """One action for each corridor."""
        return spaces.Discrete(self.num_corridors)

    def observation_space(self, params: Any = None) -> spaces.Discrete:
        """Numbers of places."""
        return spaces.Discrete(self.num_places)

    def state_space(self, params: Any = None) -> spaces.Dict:
        """The ranges of the fields of `State`."""
        return spaces.Dict(
            {
                "time": spaces.Box(0, jnp.iinfo(jnp.int32).max, (), jnp.int32),
                "corridor": spaces.Discrete(self.num_corridors),
                "place": spaces.Discrete(self.length + 1),
            }
        )
