"""What a world must be: ours and gymnax's are, and what isn't is named, also by a run in it."""

from itertools import count

import gymnax
import jax.numpy as jnp
import pytest
from flax import struct
from gymnax.environments import spaces
from newcomer.harbour import Harbour

from rlsuite.experiments.cli import main
from rlsuite.experiments.conformance import check_world
from rlsuite.experiments.contracts import world_complaints
from rlsuite.experiments.registry import world_families

GYMNAX = next(family for family in world_families() if family.title == "worlds of gymnax")


@pytest.mark.parametrize("name", [*GYMNAX.names(), "small", "all_vrandlife", "maze", "corridors"])
def test_worlds_are_as_worlds_must_be(name):
    check_world(name)


@struct.dataclass
class Endless:
    """Parameters without a time limit."""

    current: float = 0.05


_BOX = spaces.Box(-1.0, 1.0, (2,), jnp.float32)
_NUMBERS = count()


def harbour(**changes):
    """A kind of harbour in which something is otherwise."""
    return type(f"Harbour{next(_NUMBERS)}", (Harbour,), changes)


def stepping(change):
    """A harbour whose steps come to something else."""

    def step_env(self, key, state, action, params):
        return change(*Harbour.step_env(self, key, state, action, params))

    return harbour(step_env=step_env)


def observing(space):
    """A harbour that names another space."""
    return harbour(observation_space=lambda self, params=None: space)


BAD = {
    "default_params: max_steps_in_episode is missing, the time limit": harbour(
        default_params=property(lambda self: Endless())
    ),
    "step_env: it returns 4 things, it must be observation, state, reward, terminated, info": (
        stepping(lambda *found: found[:4])
    ),
    "step_env: a step changes .time from int32[] to float32[]": stepping(
        lambda observation, state, *rest: (observation, state.replace(time=1.0 * state.time), *rest)
    ),
    "step_env: the reward is float32[1], it must be one number": stepping(
        lambda observation, state, reward, *rest: (observation, state, reward[None], *rest)
    ),
    "step_env: terminated is float32[], it must be bool[]": stepping(
        lambda *found: (*found[:3], 1.0 * found[3], found[4])
    ),
    "step_env: info must be a dict": stepping(lambda *found: (*found[:4], None)),
    "reset_env: the observation is float32[2], its space has [3]": observing(
        spaces.Box(-1.0, 1.0, (3,), jnp.float32)
    ),
    "reset_env: the observation is float32[2], its space has []": observing(spaces.Discrete(3)),
    "reset_env: the observation lacks the part 'speed' of its space": observing(
        spaces.Dict({"speed": _BOX})
    ),
}


@pytest.mark.parametrize(("message", "world"), BAD.items())
def test_what_is_not_as_it_must_be_is_named(message, world):
    assert world_complaints(world())[0] == message


def test_each_part_of_an_observation_is_compared_with_its_space():
    parts = {"place": _BOX, "wind": spaces.Discrete(4)}
    world = harbour(
        observation_space=lambda self, params=None: spaces.Dict(parts),
        get_obs=lambda self, state, *_: {"place": jnp.zeros(1), "wind": jnp.int32(0)},
    )
    wrong = "the part 'place' of the observation is float32[1], its space has [2]"
    assert world_complaints(world()) == [f"reset_env: {wrong}", f"step_env: {wrong}"]


# Nobody reads this info, and a perceptron reads a box of any length.
READ_ANYWAY = ("info must", "has [3]")


@pytest.mark.parametrize(
    "message", [one for one in BAD if not any(part in one for part in READ_ANYWAY)]
)
def test_where_such_a_world_can_not_be_trained_on_the_world_is_named(capsys, tmp_path, message):
    name = f"Harbour-v{next(_NUMBERS) + 100}"
    gymnax.register(name, BAD[message])
    line = f"train ppo smoke --tasks {name} --out {tmp_path / 'run'}"
    assert main(line.split()) == 2
    assert capsys.readouterr().err == f"rlsuite: tasks: '{name}': {message}\n"
    assert not (tmp_path / "run").exists()


def test_mistakes_within_a_world_keep_their_traceback(tmp_path):
    def step_env(self, key, state, action, params):
        raise ValueError("boats can't fly")

    gymnax.register("Flying-v0", harbour(step_env=step_env))
    with pytest.raises(ValueError, match="boats can't fly"):
        main(["train", "ppo", "smoke", "--tasks", "Flying-v0", "--out", str(tmp_path / "run")])
    assert not (tmp_path / "run").exists()
