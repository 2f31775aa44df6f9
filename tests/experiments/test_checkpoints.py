from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.folder import create_run


@flax.struct.dataclass
class Worlds:
    key: jax.Array
    position: jax.Array


class State(NamedTuple):
    worlds: Worlds
    optimiser: optax.OptState
    keys: dict[str, jax.Array]
    nothing: tuple


def make_state(seed: int = 0) -> State:
    key = jax.random.key(seed)
    parameters = {"w": jax.random.normal(key, (3, 2)), "b": jnp.zeros(2, jnp.bfloat16)}
    return State(
        worlds=Worlds(jax.random.split(key, 5), jnp.arange(5, dtype=jnp.int8)),
        optimiser=optax.chain(optax.clip(1.0), optax.adam(1e-3)).init(parameters),
        keys={"legacy": jax.random.PRNGKey(seed), "rbg": jax.random.key(seed, impl="rbg")},
        nothing=(jnp.zeros((0, 3)), None, jnp.array(True)),
    )


def assert_same(left, right):
    assert jax.tree.structure(left) == jax.tree.structure(right)
    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert one.dtype == other.dtype
        if jnp.issubdtype(one.dtype, jax.dtypes.prng_key):
            one, other = jax.random.key_data(one), jax.random.key_data(other)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(other))


def make_run(directory):
    create_run(directory, {"method": "groove"})
    return directory


def test_a_state_comes_back_as_it_was(tmp_path):
    with Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        assert checkpoints.latest_step() is None
        checkpoints.save(4, make_state(1))
        checkpoints.save(7, make_state(2))
    with Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest_step() == 7
        assert_same(checkpoints.restore(jax.eval_shape(make_state)), make_state(2))


@pytest.mark.parametrize(
    "name",
    ["[bold]", "[", "a*b?", "é ü…", "a\nb", "100%", "{x}", "~", "'\"", "#", "\udcff", "x" * 255],
)
def test_a_folder_may_have_any_name(tmp_path, name):
    for step in (4, 7):
        folder = tmp_path / name
        with Checkpoints(folder if folder.exists() else make_run(folder)) as checkpoints:
            checkpoints.save(step, make_state(step))
            assert_same(checkpoints.restore(jax.eval_shape(make_state)), make_state(step))


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    with Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, {"x": jnp.ones(2)})
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert kept == {"2", "3"}


def test_a_checkpoint_cut_short_is_no_checkpoint(tmp_path):
    folder = make_run(tmp_path / "run") / "checkpoints"
    with Checkpoints(tmp_path / "run") as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(2)})
    (folder / ".saving-2").mkdir()
    (folder / ".saving-2.orbax-checkpoint-tmp").mkdir()
    with Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest_step() == 1
        checkpoints.save(2, {"x": jnp.ones(2)})
    assert {path.name for path in folder.iterdir()} == {"1", "2"}


@pytest.mark.parametrize(
    "other",
    [
        {"x": jnp.ones(3), "key": jax.random.key(0)},
        {"x": jnp.ones(2, jnp.int32), "key": jax.random.key(0)},
        {"x": jnp.ones(2), "key": jax.random.key(0), "y": jnp.ones(1)},
        {"x": jnp.ones(2)},
        {"x": jnp.ones(2), "key": jax.random.key(0, impl="rbg")},
    ],
)
def test_a_state_of_another_shape_is_refused(tmp_path, other):
    with Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(2), "key": jax.random.key(0)})
        with pytest.raises(UserError, match="the states differ in"):
            checkpoints.restore(jax.eval_shape(lambda: other))


def test_restoring_without_a_checkpoint(tmp_path):
    with (
        Checkpoints(make_run(tmp_path / "run")) as checkpoints,
        pytest.raises(UserError, match="holds no checkpoint yet"),
    ):
        checkpoints.restore(jax.eval_shape(make_state))
