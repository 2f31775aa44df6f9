"""Where logged metrics go besides `metrics.jsonl`: TensorBoard's events, Weights & Biases."""

import hashlib
import json
import os
import time
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.summary import scalar

from rlsuite.experiments.errors import ConfigError, say
from rlsuite.experiments.files import inside
from rlsuite.experiments.folder import read_document
from rlsuite.experiments.manifests import identity


class Tracker(NamedTuple):
    """Something that is told metrics.

    Attributes:
      name: what people call it.
      write: `(step, metrics)`, finite numbers by name.
      close: when there will be no more.
    """

    name: str
    write: Callable[[int, Mapping[str, float]], None]
    close: Callable[[], None]


def open_trackers(directory: Path, step: int, wandb: str | None) -> list[Tracker]:
    """All that a run tells its metrics. What can't be opened is left out, which a line says.

    Args:
      directory: the run's folder.
      step: the last one that was logged.
      wandb: the project of Weights & Biases, if it is told.
    """
    openers: dict[str, Callable[[], Tracker]] = {
        "TensorBoard": lambda: tensorboard(directory, step)
    }
    if wandb is not None:
        openers["Weights & Biases"] = lambda: weights_and_biases(directory, wandb)
    trackers = []
    for name, opener in openers.items():
        try:
            trackers.append(opener())
        except Exception as error:  # Whatever others' code raises.
            reason = str(error).split("\n")[0] or type(error).__name__
            say(f"{name} is not told metrics, which the run keeps: {reason}")
    return trackers


def tensorboard(directory: Path, step: int) -> Tracker:
    """Events in `tensorboard/` of a run's folder; what is there after a step is taken back.

    They are written at once: tensorboardX's own writer has a thread for it, whose failures nobody
    sees.

    Raises:
      OSError: if they can't be written; so do its functions.
      UserError: if a link leads out of the run's folder.
    """
    folder = inside(directory, "tensorboard")
    folder.mkdir(exist_ok=True)
    # Two of one name, made in the same second, would replace each other.
    events = EventsWriter(str(folder / "events"), f".{os.getpid()}.{step}")
    # What TensorBoard has seen from this step on counts no more.
    events.write_event(Event(step=step + 1, file_version="brain.Event:2"))
    start = SessionLog(status=SessionLog.START)
    events.write_event(Event(step=step + 1, session_log=start))
    events.flush()

    def write(step: int, metrics: Mapping[str, float]) -> None:
        values = [value for name, number in metrics.items() for value in scalar(name, number).value]
        events.write_event(Event(wall_time=time.time(), step=step, summary=Summary(value=values)))
        events.flush()

    return Tracker("TensorBoard", write, events.close)


def check_wandb() -> None:
    """Raises a ConfigError if Weights & Biases is not installed."""
    if find_spec("wandb") is None:
        raise ConfigError("wandb: needs the package wandb; install the extra rlsuite[wandb]")


def weights_and_biases(directory: Path, project: str) -> Tracker:
    """A run of Weights & Biases, the same one however often and far the run is resumed.

    Its own environment variables say where it goes; `WANDB_MODE=offline` keeps it in the folder.
    """
    import wandb

    inside(directory, "wandb")
    document = read_document(directory)
    beginning = json.dumps([document["created"], document["command"], identity(document)])
    run = wandb.init(
        project=project,
        dir=str(directory),
        id=hashlib.sha256(beginning.encode()).hexdigest()[:16],
        name=directory.name,
        resume="allow",
        settings=wandb.Settings(silent=True, console="off"),
    )
    return Tracker(
        "Weights & Biases", lambda step, metrics: run.log(dict(metrics), step=step), run.finish
    )
