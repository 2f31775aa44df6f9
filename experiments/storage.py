"""The folder of a run: its configuration, metrics, TensorBoard events and checkpoints.

    config.json     what is run, where, by what command, commit and libraries
    metrics.jsonl   one line per logged step, readable while the run goes on
    tensorboard/    the same metrics as events
    checkpoints/    the last two states, one folder per step

Whatever replaces a file is written beside it and renamed, so that a reader, or a run that was
killed, never meets half a file.
"""

import json
import math
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp

from rlsuite import __version__
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.trackers import Tracker

FORMAT = "rlsuite-run"
FORMAT_VERSION = 2
CHECKPOINTS_KEPT = 2
_LIBRARIES = ("jax", "jaxlib", "flax", "optax", "distrax", "gymnax", "numpy", "orbax-checkpoint")


def holds_run(directory: Path) -> bool:
    """Whether a folder holds a run: a `config.json` that this module wrote."""
    try:
        document = json.loads((directory / "config.json").read_text())
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT


def check_free(directory: Path, *, overwrite: bool) -> None:
    """Makes sure that a new run may be written to `directory`; changes nothing.

    Raises:
      UserError: if the folder holds a run and `overwrite` is false, or holds anything else.
    """
    if holds_run(directory):
        if not overwrite:
            raise UserError(
                f"'{directory}' already holds a run; continue it with "
                f"'rlsuite resume {directory}', replace it with '--overwrite', "
                "or choose another '--out'"
            )
    elif directory.exists() and not directory.is_dir():
        raise UserError(f"'{directory}' is a file; choose another folder with '--out'")
    elif directory.is_dir() and any(directory.iterdir()):
        raise UserError(
            f"'{directory}' is not empty and holds no run; choose another folder with '--out'"
        )


def create_run(directory: Path, description: Mapping[str, Any]) -> None:
    """Makes the folder of a new run, in place of the run it may hold.

    Args:
      directory: the folder; see `check_free` for what is refused.
      description: what is run, in terms of JSON; where and by what is added to it.

    Raises:
      UserError: if the folder holds anything but a run, or cannot be written.
    """
    check_free(directory, overwrite=True)
    document = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        **_circumstances(),
        **description,
    }
    try:
        directory.mkdir(parents=True, exist_ok=True)
        # The file by which the folder is known as a run goes last, so that a removal that was
        # cut short can be taken up again.
        for path in sorted(directory.iterdir(), key=lambda path: path.name == "config.json"):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        write_text(directory / "config.json", json.dumps(document, indent=2) + "\n")
    except OSError as error:
        raise UserError(f"cannot write to '{directory}': {error.strerror}") from error


def read_document(directory: Path) -> dict[str, Any]:
    """What `create_run` wrote.

    Raises:
      UserError: if the folder holds no run, or one of another format.
    """
    if not holds_run(directory):
        raise UserError(f"'{directory}' holds no run; start one with 'rlsuite train'")
    document = json.loads((directory / "config.json").read_text())
    found = document.get("format_version")
    if found != FORMAT_VERSION:
        raise UserError(
            f"'{directory}' was written in format version {found}; "
            f"this rlsuite reads version {FORMAT_VERSION}"
        )
    return document


def read_json(path: Path) -> Any:
    """What a JSON file holds.

    Raises:
      UserError: if it is damaged.
    """
    try:
        return json.loads(path.read_text())
    except (ValueError, RecursionError) as error:
        raise UserError(f"it is no JSON ({type(error).__name__})") from error


def write_text(path: Path, text: str) -> None:
    """Writes a file in one step: whoever reads it sees the old text or the new, never a part."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with temporary.open("w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def read_metrics(directory: Path) -> list[dict[str, Any]]:
    """The logged steps of a run, oldest first; a last line that is only half there is left out."""
    path = directory / "metrics.jsonl"
    lines = path.read_text().split("\n")[:-1] if path.exists() else []
    return [json.loads(line) for line in lines]


class MetricsLog(AbstractContextManager):
    """Writes one line per logged step to `metrics.jsonl`, and the same to trackers.

    Opening it at a step cuts off what was logged after that step, so that a run resumed from an
    earlier checkpoint has each line once.

    Args:
      directory: the run's folder.
      step: the last one that is kept.
      trackers: what else is told; they are closed with the log.

    Attributes:
      last: the last line that was kept or written; empty if there is none.
    """

    def __init__(self, directory: Path, step: int, trackers: Sequence[Tracker] = ()):
        kept = [line for line in read_metrics(directory) if line["step"] <= step]
        path = directory / "metrics.jsonl"
        write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
        self.last: dict[str, Any] = kept[-1] if kept else {}
        self._file = path.open("a")
        self._trackers = trackers

    def write(self, line: Mapping[str, Any]) -> None:
        """Appends a line; values that are not finite become null, and no event."""
        self.last = {name: value if math.isfinite(value) else None for name, value in line.items()}
        self._file.write(json.dumps(self.last, allow_nan=False) + "\n")
        self._file.flush()
        told = {
            name: value for name, value in self.last.items() if name != "step" and value is not None
        }
        for tracker in self._trackers:
            tracker.write(self.last["step"], told)

    def __exit__(self, *_: object) -> None:
        self._file.close()
        for tracker in self._trackers:
            tracker.close()


class Checkpoints(AbstractContextManager):
    """The last states of a run. A checkpoint is there whole or not at all."""

    def __init__(self, directory: Path):
        self._directory = directory
        options = ocp.CheckpointManagerOptions(
            max_to_keep=CHECKPOINTS_KEPT, enable_async_checkpointing=False
        )
        self._manager = ocp.CheckpointManager(
            (directory / "checkpoints").resolve(),
            options=options,
            item_handlers=ocp.StandardCheckpointHandler(),
        )

    def latest_step(self) -> int | None:
        """The step of the newest checkpoint, or None if there is none."""
        return self._manager.latest_step()

    def save(self, step: int, state: Any) -> None:
        """Saves a state (a pytree of arrays and PRNG keys), and forgets all but the newest."""
        self._manager.save(step, args=ocp.args.StandardSave(_stored(state)))

    def restore(self, abstract_state: Any) -> Any:
        """The newest state, bit for bit as it was saved.

        Args:
          abstract_state: what to restore, such as `jax.eval_shape(method.init, key)`. Leaves are
            free to go where the program that takes them wants them, wherever they were saved.

        Raises:
          UserError: if there is no checkpoint, or it holds a state of another shape.
        """
        step = self.latest_step()
        if step is None:
            raise UserError(f"'{self._directory}' holds no checkpoint yet")
        wanted = jax.tree.map(_with_sharding, _stored(abstract_state))
        self._check_fits(step, wanted)
        restored = self._manager.restore(step, args=ocp.args.StandardRestore(wanted))
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: _uncommitted(
                restored.get(jax.tree_util.keystr(path), jnp.zeros(leaf.shape, leaf.dtype))
            ),
            abstract_state,
        )

    def _check_fits(self, step: int, wanted: Mapping[str, Any]) -> None:
        metadata = self._manager.item_metadata(step)
        stored = {name: (leaf.shape, leaf.dtype) for name, leaf in metadata.items()}
        expected = {name: _plain_type(leaf) for name, leaf in wanted.items()}
        for name in [*expected, *stored]:
            if expected.get(name) != stored.get(name):
                raise UserError(
                    f"the checkpoint of step {step} in '{self._directory}' is of another method, "
                    f"configuration or version of rlsuite: the states differ in '{name}'"
                )

    def __exit__(self, *_: object) -> None:
        self._manager.close()


def _circumstances() -> dict[str, Any]:
    """When, where, by what command and by which code a run is made."""
    libraries = {name: version(name) for name in _LIBRARIES}
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": [Path(sys.argv[0]).name, *sys.argv[1:]],
        "commit": _commit(),
        "device": {
            "backend": jax.default_backend(),
            "kind": jax.devices()[0].device_kind,
            "count": jax.device_count(),
        },
        "versions": {"rlsuite": __version__, "python": platform.python_version(), **libraries},
    }


def _commit() -> str | None:
    """The commit of the checkout that rlsuite runs from, marked where files differ from it."""
    here = Path(__file__).resolve().parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None


def _stored(state: Any) -> dict[str, Any]:
    """The leaves that a checkpoint holds, by path: orbax refuses those without elements."""
    named = jax.tree_util.tree_leaves_with_path(state)
    return {jax.tree_util.keystr(path): leaf for path, leaf in named if leaf.size}


def _plain_type(leaf: Any) -> tuple[tuple[int, ...], Any]:
    """Shape and type as stored: a PRNG key is its words."""
    is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
    plain = jax.eval_shape(jax.random.key_data, leaf) if is_key else leaf
    return plain.shape, plain.dtype


def _with_sharding(leaf: Any) -> jax.ShapeDtypeStruct:
    sharding = jax.sharding.SingleDeviceSharding(jax.devices()[0])
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _uncommitted(leaf: jax.Array) -> jax.Array:
    """The same array, no longer tied to the device it was read to.

    A program over several devices refuses arguments that are tied to one of them.
    """
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        words = jnp.asarray(np.asarray(jax.random.key_data(leaf)))
        return jax.random.wrap_key_data(words, impl=jax.random.key_impl(leaf))
    return jnp.asarray(np.asarray(leaf))
