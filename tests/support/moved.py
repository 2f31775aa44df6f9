"""Methods whose agents are divided among all devices, and go on with one.

`python -m tests.support.moved FOLDER METHOD...`: of each method that devices can share, a chunk is
traced for all of them, and its name printed. Of those named, runs that have begun on all devices
and go on with one are made beside those that were never moved.
"""

import gc
import sys
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from jax.sharding import Mesh
from jaxtyping import PyTree
from rich.console import Console

from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.programs import abstract_state, trace_chunk, under
from rlsuite.experiments.runner import run
from rlsuite.experiments.specs import Experiment
from tests.experiments.running import METHODS, plan_of

ESTIMATE = "gradient_noise_scale"
"""By how much groups of agents differ, which are smaller on several devices."""

ONE_LAYER = {"hidden_widths": (4,)}
PARTS = {
    "a2c": {"agent": ONE_LAYER},
    "ta-lpg": {"objective": {"shortest_lifetime": 2, "longest_lifetime": 20}},
    "act-test": {
        "channel": ONE_LAYER,
        "networks": ONE_LAYER,
        "messenger_networks": ONE_LAYER,
        "oracle_networks": ONE_LAYER,
    },
}
"""What compiles sooner, and what tells the lifetimes below apart."""


def main(folder: Path, moved: Container[str]) -> None:
    """Raises an AssertionError if a method isn't divided, or its two runs come to anything else."""
    gc.set_threshold(200_000, 20, 50)  # As for the tests themselves.
    for method in METHODS.names:
        plan = plan_of(method, log_every=1, checkpoint_every=1, parts=PARTS.get(method))
        if plan.experiment.divisible == 1:  # A single student, rather than many agents or lives.
            continue
        mesh = choose_mesh(plan.experiment.divisible)
        assert mesh is not None and jax.device_count() == 8
        check_divided(method, plan.experiment, mesh)
        found = f": {compare(plan, mesh, folder / method)}" if method in moved else ""
        print(f"{method}{found}", flush=True)


def check_divided(method: str, experiment: Experiment, mesh: Mesh) -> None:
    """Traces a chunk, which shows where what is divided and what is not don't fit."""
    with under(mesh):
        program = trace_chunk(experiment, abstract_state(experiment.method), 1)
    assert "shard_map" in str(program.jaxpr), method


def compare(plan: Plan, mesh: Mesh, folder: Path) -> str:
    """Makes the two runs of a method, and says how far they came to the same."""
    if plan.experiment.watched == ("fitness",):  # Whole lives, which magnify what rounding does.
        plan = replace(plan, run=replace(plan.run, min_lifetime=2, max_lifetime=4))

    def train(name, steps, mesh):
        config = replace(plan.run, steps=steps)
        run(plan.experiment, config, folder / name, console=Console(quiet=True), mesh=mesh)

    for name in ("moved", "alone"):
        create_run(folder / name, plan.describe())
    train("moved", 1, mesh)
    train("moved", 2, None)
    train("alone", 2, None)

    moved, alone = (open_run(folder / name) for name in ("moved", "alone"))
    for line, expected in zip(moved.metrics, alone.metrics, strict=True):
        for name in [name for name in expected if "second" not in name and name != ESTIMATE]:
            ours, theirs = (np.array(one[name], float) for one in (line, expected))
            np.testing.assert_allclose(ours, theirs, 1e-3, 1e-5, err_msg=name)
    # Counts and masks are numbers too.
    ours, theirs = (
        jax.tree.map(lambda leaf: np.asarray(leaf, np.float32), run.learned)
        for run in (moved, alone)
    )
    # All numbers together: of a gradient that is nothing but rounding Adam makes a whole step.
    apart, theirs = map(numbers, (jax.tree.map(np.subtract, ours, theirs), theirs))
    assert np.linalg.norm(apart) <= 1e-2 * np.linalg.norm(theirs)
    differing = np.count_nonzero(apart)
    return f"on {mesh.size} devices, numbers that differ: {differing}"


def numbers(tree: PyTree) -> np.ndarray:
    """All that are in a tree, in one row."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
