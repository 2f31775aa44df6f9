import json
import os
from datetime import datetime
from typing import NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from rlsuite.experiments import storage
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.trackers import Tracker, tensorboard


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
    storage.create_run(directory, {"method": "groove"})
    return directory


def test_a_state_comes_back_as_it_was(tmp_path):
    with storage.Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        assert checkpoints.latest_step() is None
        checkpoints.save(4, make_state(1))
        checkpoints.save(7, make_state(2))
    with storage.Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest_step() == 7
        assert_same(checkpoints.restore(jax.eval_shape(make_state)), make_state(2))


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    with storage.Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, {"x": jnp.ones(2)})
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert kept == {"2", "3"}


def test_a_checkpoint_cut_short_is_no_checkpoint(tmp_path):
    folder = make_run(tmp_path / "run") / "checkpoints"
    with storage.Checkpoints(tmp_path / "run") as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(2)})
    (folder / "2.orbax-checkpoint-tmp-0").mkdir()
    with storage.Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest_step() == 1


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
    with storage.Checkpoints(make_run(tmp_path / "run")) as checkpoints:
        checkpoints.save(1, {"x": jnp.ones(2), "key": jax.random.key(0)})
        with pytest.raises(UserError, match="the states differ in"):
            checkpoints.restore(jax.eval_shape(lambda: other))


def test_restoring_without_a_checkpoint(tmp_path):
    with (
        storage.Checkpoints(make_run(tmp_path / "run")) as checkpoints,
        pytest.raises(UserError, match="holds no checkpoint yet"),
    ):
        checkpoints.restore(jax.eval_shape(make_state))


def test_metrics_are_readable_while_the_log_is_open(tmp_path):
    directory = make_run(tmp_path / "run")
    assert storage.read_metrics(directory) == []
    told, closed = [], []
    tracker = Tracker(lambda step, metrics: told.append((step, metrics)), lambda: closed.append(1))
    trackers = [tensorboard(directory, 0), tracker]
    with storage.MetricsLog(directory, step=0, trackers=trackers) as log:
        log.write({"step": 5, "loss": 0.5, "regret": float("nan"), "rate": float("inf")})
        expected = {"step": 5, "loss": 0.5, "regret": None, "rate": None}
        assert storage.read_metrics(directory) == [expected]
        assert log.last == expected
    assert len(list((directory / "tensorboard").iterdir())) == 1
    assert told == [(5, {"loss": 0.5})] and closed == [1]


def test_reopening_cuts_the_log_back_to_the_step(tmp_path):
    directory = make_run(tmp_path / "run")
    with storage.MetricsLog(directory, step=0) as log:
        for step in (5, 10, 15):
            log.write({"step": step, "loss": 1.0 / step})
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"step": 20, "lo')
    assert [line["step"] for line in storage.read_metrics(directory)] == [5, 10, 15]
    with storage.MetricsLog(directory, step=10) as log:
        assert log.last == {"step": 10, "loss": 0.1}
        log.write({"step": 15, "loss": 3.0})
    lines = (directory / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [5, 10, 15]
    assert json.loads(lines[-1])["loss"] == 3.0


def test_write_text_keeps_the_old_file_if_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "config.json"
    storage.write_text(path, "old")

    def fail(descriptor):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        storage.write_text(path, "new")
    assert path.read_text() == "old"


def test_the_document_of_a_run(tmp_path):
    assert not storage.holds_run(tmp_path)
    document = storage.read_document(make_run(tmp_path / "run"))
    assert storage.holds_run(tmp_path / "run")
    assert document["format_version"] == storage.FORMAT_VERSION
    assert document["method"] == "groove"
    assert document["device"]["count"] == jax.device_count()
    assert document["command"] and datetime.fromisoformat(document["created"])
    assert document["versions"]["jax"] == jax.__version__


def test_a_run_of_another_format_is_refused(tmp_path):
    path = make_run(tmp_path / "run") / "config.json"
    path.write_text(path.read_text().replace('_version": 2', '_version": 1'))
    with pytest.raises(UserError, match="format version 1; this rlsuite reads version 2"):
        storage.read_document(tmp_path / "run")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 3}'])
def test_a_foreign_config_file_is_no_run(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    assert not storage.holds_run(tmp_path)


def test_what_a_new_run_may_replace(tmp_path):
    directory = make_run(tmp_path / "run")
    (directory / "report.md").write_text("old")
    with pytest.raises(UserError, match=r"rlsuite resume .*--overwrite"):
        storage.check_free(directory, overwrite=False)
    storage.check_free(directory, overwrite=True)
    make_run(directory)
    assert [path.name for path in directory.iterdir()] == ["config.json"]

    foreign = tmp_path / "foreign"
    foreign.mkdir()
    storage.check_free(foreign, overwrite=False)
    (foreign / "thesis.tex").write_text("precious")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="not empty and holds no run"):
            storage.check_free(foreign, overwrite=overwrite)
    with pytest.raises(UserError, match="is a file"):
        storage.check_free(foreign / "thesis.tex", overwrite=True)
    with pytest.raises(UserError, match="cannot write"):
        make_run(foreign / "thesis.tex" / "run")
    assert (foreign / "thesis.tex").read_text() == "precious"
