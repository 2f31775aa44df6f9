"""Runs that have begun on all devices and go on with one, beside those that were never moved.

`python -m tests.support.moved FOLDER METHOD...`
"""

import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
from jaxtyping import PyTree
from rich.console import Console

from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.runner import run
from tests.experiments.running import plan_of

ESTIMATE = "gradient_noise_scale"
"""By how much groups of agents differ, which are smaller on several devices."""

PARTS = {"ta-lpg": {"objective": {"shortest_lifetime": 2, "longest_lifetime": 20}}}
"""What tells the lifetimes below apart."""


def main(folder: Path, methods: Iterable[str]) -> None:
    """Raises an AssertionError if the two of a method come to anything else."""
    for method in methods:
        compare(method, folder / method)


def compare(method: str, folder: Path) -> None:
    """Makes the two runs of a method, and compares them."""
    plan = plan_of(method, steps=2, log_every=1, checkpoint_every=1, parts=PARTS.get(method, {}))
    if plan.experiment.watched == ("fitness",):  # Whole lives, which magnify what rounding does.
        plan = replace(plan, run=replace(plan.run, min_lifetime=2, max_lifetime=4))
    mesh = choose_mesh(plan.experiment.divisible)
    assert mesh is not None and mesh.shape["agents"] > 1

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
    print(f"{method}: on {mesh.size} devices, numbers that differ: {differing}", flush=True)


def numbers(tree: PyTree) -> np.ndarray:
    """All that are in a tree, in one row."""
    return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(tree)])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
