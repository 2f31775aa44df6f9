"""The last states of a run: how they are saved, and how they come back.

    checkpoints/20/manifest.json   what the rest must be, by `rlsuite.experiments.manifests`
    checkpoints/20/…               the arrays, as orbax stores them

A folder gets the name of its step once all of it is there. One that was damaged since is reported
and left out: the newest whole one counts.
"""

import errno
import logging
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from jax.experimental import multihost_utils

from rlsuite.experiments import hosts
from rlsuite.experiments.errors import UserError, say
from rlsuite.experiments.files import inside, plain_path, reason, refusal_behind
from rlsuite.experiments.folder import Place, read_document
from rlsuite.experiments.manifests import (
    Arrays,
    DamagedError,
    Manifest,
    arrays_of,
    check_files,
    difference,
    identity,
    other_version,
    read_manifest,
    signature,
    write_manifest,
)
from rlsuite.experiments.retention import to_forget
from rlsuite.experiments.stored_states import as_state, destination, stored_leaves

_UNFINISHED, _FORGOTTEN = ".saving-", ".forgotten-"
_ATTEMPTS = 10


class _Whole(NamedTuple):
    """A checkpoint that was compared with its manifest."""

    manifest: Manifest
    signature: Any


_COMPARED: dict[Path, _Whole] = {}
"""By folder, so that a process reads each checkpoint once to compare it."""


class _VanishedError(Exception):
    """A checkpoint that the process which writes the run has forgotten meanwhile."""


class Checkpoints(AbstractContextManager):
    """The last states of a run. A checkpoint is there whole or not at all.

    Of several hosts all processes save and restore; the first one writes manifests and forgets.

    Args:
      directory: the run's folder.
      kept: how many of the newest checkpoints are kept.
      keep_every: of every so many steps, the first checkpoint is kept for good.

    Raises:
      UserError: if the folder holds no run.
    """

    def __init__(self, directory: Path, *, kept: int = 2, keep_every: int | None = None):
        self._directory, self._kept, self._keep_every = directory, kept, keep_every
        self._run = identity(read_document(directory))
        self._place = Place(directory)
        self._checkpointer = ocp.Checkpointer(ocp.StandardCheckpointHandler())
        logging.getLogger("absl").addFilter(_is_not_raised_as_well)

    def latest_step(self) -> int | None:
        """The step of the newest checkpoint that is whole, or None if there is none at all.

        Raises:
          UserError: if all are damaged, or it is one of another run or format version.
        """
        newest = self._newest()
        return None if newest is None else newest.step

    def other_version(self) -> str | None:
        """The version of rlsuite that saved the newest whole checkpoint, if it is not this one.

        Raises:
          UserError: as `latest_step` does.
        """
        newest = self._newest()
        return None if newest is None else other_version(newest)

    def furthest_step(self) -> int:
        """The last step that a checkpoint is called after, whole or damaged; 0 if there is none."""
        return max(self._steps(), default=0)

    def save(self, step: int, state: Any) -> None:
        """Saves a state (a pytree of arrays and PRNG keys), and forgets what need not be kept.

        Checkpoints of later steps are forgotten too: a run that comes by here again has left them
        out as damaged.

        Raises:
          UserError: if it can't be written, or the folder was moved; older ones stay as they are.
        """
        self._place.check()
        unfinished = self._folder / f"{_UNFINISHED}{step}"
        try:
            self._write(unfinished, step, stored_leaves(state))
        except Exception as error:
            refusal = refusal_behind(error)
            if refusal is None:
                raise
            raise UserError(
                f"cannot save the checkpoint of step {step} in '{self._folder}': {refusal}; "
                f"{self._what_is_left()}"
            ) from error

    def restore(self, abstract_state: Any) -> Any:
        """The newest state that is whole, bit for bit as it was saved.

        Args:
          abstract_state: what to restore, such as `jax.eval_shape(method.init, key)`. Leaves that
            have a sharding go there, wherever they were saved. Others are free to go where the
            program that takes them wants them.

        Raises:
          UserError: if there is no checkpoint, none is whole, or it holds a state of another shape.
        """
        return self.restore_with_step(abstract_state)[1]

    def restore_with_step(self, abstract_state: Any) -> tuple[int, Any]:
        """Likewise, after the step that it is of: a run that goes on may have newer ones by now."""
        stored = stored_leaves(abstract_state)
        step, restored = self._restore(arrays_of(stored), jax.tree.map(destination, stored))
        return step, as_state(restored, abstract_state)

    def restore_all(self, abstract_state: Any) -> Iterator[tuple[int, Any]]:
        """All states that are there and whole, oldest first, each after the step that it is of.

        Raises:
          UserError: if one is of another run or format version, or of another shape.
        """
        stored = stored_leaves(abstract_state)
        arrays, wanted = arrays_of(stored), jax.tree.map(destination, stored)
        for step in self._steps():
            try:
                self._check_fits(self._compared(step).manifest, arrays)
                restored = self._read(step, wanted)
            except (DamagedError, _VanishedError):
                continue
            yield step, as_state(restored, abstract_state)

    @property
    def _folder(self) -> Path:
        return inside(self._directory, "checkpoints")

    def _steps(self) -> list[int]:
        names = [path.name for path in self._entries()]
        return sorted(int(name) for name in names if re.fullmatch("[1-9][0-9]*", name))

    def _entries(self) -> list[Path]:
        folder = self._folder
        try:
            return list(folder.iterdir())
        except FileNotFoundError:
            return []
        except NotADirectoryError as error:
            raise UserError(f"'{folder}' is damaged: it is no folder") from error
        except OSError as error:
            raise UserError(f"cannot read '{folder}': {reason(error)}") from error

    def _newest(self) -> Manifest | None:
        for _ in range(_ATTEMPTS):
            try:
                return self._newest_of(self._steps())
            except _VanishedError:
                continue  # Others have taken its place meanwhile.
        raise UserError(f"the checkpoints in '{self._folder}' change faster than they can be read")

    def _newest_of(self, steps: Sequence[int]) -> Manifest | None:
        damaged: dict[int, str] = {}
        for step in reversed(steps):
            try:
                manifest = self._compared(step).manifest
            except DamagedError as error:
                damaged[step] = str(error)
                continue
            for other, why in damaged.items():
                _say_once(
                    f"the checkpoint of step {other} in '{self._directory}' is damaged ({why}): "
                    f"the one of step {step} is used"
                )
            return manifest
        if damaged:
            reasons = "; ".join(f"step {step}: {why}" for step, why in damaged.items())
            raise UserError(f"all checkpoints in '{self._directory}' are damaged ({reasons})")
        return None

    def _compared(self, step: int) -> _Whole:
        """A checkpoint that is of this run, and whole."""
        folder = self._folder.resolve() / str(step)
        try:
            found = signature(folder)
            whole = _COMPARED.get(folder)
            if whole is None or whole.signature != found:
                manifest, files = read_manifest(folder)
                self._check_of_this_run(step, manifest)
                check_files(folder, files)
                whole = _COMPARED[folder] = _Whole(manifest, found)
            self._check_of_this_run(step, whole.manifest)
        except DamagedError as error:
            if os.path.lexists(folder):
                raise
            raise _VanishedError from error
        except FileNotFoundError as error:
            raise _VanishedError from error
        except OSError as error:
            if error.errno == errno.EIO:  # All others don't lie in the checkpoint.
                raise DamagedError(f"it can't be read: {reason(error)}") from error
            raise UserError(f"cannot read '{folder}': {reason(error)}") from error
        return whole

    def _check_of_this_run(self, step: int, manifest: Manifest) -> None:
        if manifest.step != step:
            raise DamagedError(f"it is that of step {manifest.step}")
        differs = difference(manifest, self._run)
        if differs is not None:
            raise UserError(
                f"the checkpoint of step {step} in '{self._directory}' is of another run: {differs}"
            )

    def _restore(self, arrays: Arrays, wanted: Mapping[str, Any]) -> tuple[int, Mapping[str, Any]]:
        for _ in range(_ATTEMPTS):
            manifest = self._newest()
            if manifest is None:
                raise UserError(f"'{self._directory}' holds no checkpoint yet")
            self._check_fits(manifest, arrays)
            try:
                return manifest.step, self._read(manifest.step, wanted)
            except _VanishedError:
                continue
        raise UserError(f"the checkpoints in '{self._folder}' change faster than they can be read")

    def _read(self, step: int, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
        whole = self._compared(step)
        folder = self._folder.resolve() / str(step)
        try:
            with plain_path(folder.parent) as plain:
                restored = self._checkpointer.restore(
                    plain / folder.name, args=ocp.args.StandardRestore(wanted)
                )
        except Exception as error:
            self._check_still(folder, whole)
            line = str(error).split("\n")[0]
            raise UserError(
                f"'{folder}' can't be restored: {type(error).__name__}: {line}"
            ) from error
        self._check_still(folder, whole)
        return restored

    def _check_still(self, folder: Path, whole: _Whole) -> None:
        """What was read counts only if it lay there, untouched, until the end."""
        try:
            is_still_there = signature(folder) == whole.signature
        except (OSError, DamagedError):
            is_still_there = False
        if not is_still_there:
            raise _VanishedError

    def _check_fits(self, manifest: Manifest, wanted: Arrays) -> None:
        for name in [*wanted, *manifest.arrays]:
            if wanted.get(name) != manifest.arrays.get(name):
                raise UserError(
                    f"the checkpoint of step {manifest.step} in '{self._directory}' is of another "
                    "method, configuration or version of rlsuite: the states differ in "
                    f"'{name}', {_in_words(manifest.arrays.get(name))} there and "
                    f"{_in_words(wanted.get(name))} here"
                )

    def _write(self, unfinished: Path, step: int, stored: Mapping[str, Any]) -> None:
        is_first = hosts.is_first()
        try:
            if is_first:
                self._folder.mkdir(exist_ok=True)
                self._clear()
            with plain_path(unfinished.parent) as folder:
                path = folder / unfinished.name
                self._checkpointer.save(path, args=ocp.args.StandardSave(stored))
            if is_first:
                write_manifest(unfinished, step, self._run, arrays_of(stored))
                self._put_in_place(unfinished, step)
            multihost_utils.sync_global_devices(f"checkpoint {step}")
        finally:
            if is_first:
                self._clear()

    def _put_in_place(self, unfinished: Path, step: int) -> None:
        for later in self._steps():
            if later >= step:
                self._forget(later)
        unfinished.rename(self._folder / str(step))
        for old in to_forget(self._steps(), self._kept, self._keep_every):
            self._forget(old)

    def _forget(self, step: int) -> None:
        # At once for whoever reads it: a checkpoint that lacks some files would seem damaged.
        (self._folder / str(step)).rename(self._folder / f"{_FORGOTTEN}{step}")

    def _clear(self) -> None:
        """Removes what was forgotten, and what a killed process has left behind."""
        for path in self._entries():
            if not path.name.startswith((_UNFINISHED, _FORGOTTEN)):
                continue
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _what_is_left(self) -> str:
        steps = self._steps()
        return f"the last one is of step {steps[-1]}" if steps else "there is no other one"

    def __exit__(self, *_: object) -> None:
        self._checkpointer.close()


_said: set[str] = set()


def _say_once(line: str) -> None:
    if line not in _said:
        _said.add(line)
        say(line)


def _is_not_raised_as_well(record: logging.LogRecord) -> bool:
    """Threads of orbax write a traceback of their own of what is raised here, too."""
    return "_SignalingThread.run() raised" not in record.getMessage()


def _in_words(array: Mapping[str, Any] | None) -> str:
    return "nothing" if array is None else f"{array['dtype']}{array['shape']}"
