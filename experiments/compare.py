"""Several runs beside each other: methods, each with its seeds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rlsuite.experiments import plots
from rlsuite.experiments.configs import RunConfig
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.meta_test import YARDSTICKS
from rlsuite.experiments.report import markdown_table, meta_test_figures, read_evaluation
from rlsuite.experiments.statistics import Estimate, bootstrap
from rlsuite.experiments.storage import read_config, read_document, read_metrics, write_text


def compare(directories: Sequence[Path], out: Path) -> Path:
    """Writes `comparison.md` with its figures: learning curves and meta-tests by method.

    Runs of one method are taken as its seeds. Objectives that were not trained, and those written
    by hand, are shown once, from the first run.

    Args:
      directories: meta-tested runs on the same tasks, tested alike.
      out: the folder to write to; it is made if need be.

    Returns:
      The path of `comparison.md`.

    Raises:
      UserError: if a run has not been meta-tested, or not like the others, or `out` is no folder.
    """
    evaluations = [_evaluation(directory) for directory in directories]
    configs = [read_config(directory) for directory in directories]
    _check_alike(directories, configs)
    methods = [read_document(directory)["method"].upper() for directory in directories]
    seeds = [config.seed for config in configs]
    groups = {
        f"{name}, {methods.count(name)} seeds": [i for i, m in enumerate(methods) if m == name]
        for name in dict.fromkeys(methods)
    }
    _make_folder(out)
    curves = {
        name: [read_metrics(directories[index]) for index in members]
        for name, members in groups.items()
    }
    plots.learning_curves(out / "learning_curves.png", curves)
    sets = {name: _pooled(name, evaluations, groups) for name in evaluations[0]["sets"]}
    figures = meta_test_figures(out, configs[0], evaluations[0], sets)
    path = out / "comparison.md"
    write_text(path, _text(figures, sets, _single_runs(evaluations, methods, seeds)))
    return path


def _evaluation(directory: Path) -> dict[str, Any]:
    evaluation = read_evaluation(directory)
    if evaluation is None:
        raise UserError(f"'{directory}' has not been meta-tested; 'rlsuite evaluate {directory}'")
    return evaluation


def _check_alike(directories: Sequence[Path], configs: Sequence[RunConfig]) -> None:
    first = configs[0]
    for directory, config in zip(directories, configs, strict=True):
        if (config.tasks, config.evaluation) != (first.tasks, first.evaluation):
            raise UserError(
                f"'{directory}' was trained on other tasks or meta-tested in another way than "
                f"'{directories[0]}'"
            )


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"--out: cannot write to '{path}': {error.strerror}") from error


def _normalised(result: dict[str, Any], contender: str) -> np.ndarray:
    returns = np.array(result["returns"][contender])
    optimal = result["optimal"]
    return returns if optimal is None else returns / np.array(optimal)[:, None]


def _pooled(
    name: str, evaluations: Sequence[dict[str, Any]], groups: dict[str, list[int]]
) -> dict[str, Estimate]:
    """Estimates over all runs of each method, then those that need no training run."""
    results = [evaluation["sets"][name] for evaluation in evaluations]
    strata = np.unique(results[0]["levels"], return_inverse=True)[1]
    pooled = {
        group: bootstrap(np.stack([_own(results[index]) for index in members]), strata)
        for group, members in groups.items()
    }
    for contender in YARDSTICKS:
        if contender in results[0]["returns"]:
            pooled[contender] = bootstrap(_normalised(results[0], contender)[None], strata)
    return pooled


def _own(result: dict[str, Any]) -> np.ndarray:
    """The run's own objective stands first."""
    return _normalised(result, next(iter(result["returns"])))


def _single_runs(
    evaluations: Sequence[dict[str, Any]], methods: Sequence[str], seeds: Sequence[int]
) -> dict[str, dict[str, Estimate]]:
    """The estimate of each run alone, as its own evaluation gave it."""
    runs = list(zip(evaluations, methods, seeds, strict=True))
    return {
        name: {
            f"{method}, seed {seed}": Estimate(
                **next(iter(evaluation["sets"][name]["estimates"].values()))
            )
            for evaluation, method, seed in runs
        }
        for name in evaluations[0]["sets"]
    }


def _text(
    figures: str, sets: dict[str, dict[str, Estimate]], single_runs: dict[str, dict[str, Estimate]]
) -> str:
    return (
        "## Learning curves\n\n![Metrics over meta-steps, mean and range over seeds]"
        "(learning_curves.png)\n\n"
        f"## Meta-test\n\n{figures}"
        "Final returns of fresh agents, as fractions of the optimal return where it is known: "
        "interquartile mean and 95 % bootstrap interval over training seeds, levels (stratified) "
        "and agent seeds.\n\n"
        f"{markdown_table(sets)}\n\n"
        "Each run alone:\n\n"
        f"{markdown_table(single_runs)}\n"
    )
