"""Where logged metrics go besides `metrics.jsonl`: TensorBoard's events, Weights & Biases."""

import hashlib
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tensorboardX import SummaryWriter

from rlsuite.experiments.errors import ConfigError


class Tracker(NamedTuple):
    """Something that is told metrics.

    Attributes:
      write: `(step, metrics)`, finite numbers by name.
      close: when there will be no more.
    """

    write: Callable[[int, Mapping[str, float]], None]
    close: Callable[[], None]


def tensorboard(directory: Path, step: int) -> Tracker:
    """Events in `tensorboard/` of a run's folder; what is there after a step is taken back."""
    events = SummaryWriter(str(directory / "tensorboard"), purge_step=step + 1)

    def write(step, metrics):
        for name, value in metrics.items():
            events.add_scalar(name, value, step)
        events.flush()

    return Tracker(write, events.close)


def check_wandb() -> None:
    """Raises a ConfigError if Weights & Biases is not installed."""
    if find_spec("wandb") is None:
        raise ConfigError("wandb: needs the package wandb; install the extra rlsuite[wandb]")


def weights_and_biases(directory: Path, project: str) -> Tracker:
    """A run of Weights & Biases, the same one however often the run is resumed.

    Its own environment variables say where it goes; `WANDB_MODE=offline` keeps it in the folder.
    """
    import wandb

    description = (directory / "config.json").read_bytes()
    run = wandb.init(
        project=project,
        dir=str(directory),
        id=hashlib.sha256(description).hexdigest()[:16],
        name=directory.name,
        resume="allow",
        settings=wandb.Settings(silent=True, console="off"),
    )
    return Tracker(lambda step, metrics: run.log(dict(metrics), step=step), run.finish)
