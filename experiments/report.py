"""The report of a run: `report.md` with its figures, from what lies in the run's folder."""

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from rlsuite.envs.gridworld.levels import LEVEL_DISTRIBUTIONS
from rlsuite.envs.gridworld.render import render
from rlsuite.experiments import plots
from rlsuite.experiments.arguments import leaves
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import (
    EvolutionRun,
    GrooveRun,
    LevelEvaluationConfig,
    ObjectiveEvaluationConfig,
    RunConfig,
)
from rlsuite.experiments.evaluate import standings
from rlsuite.experiments.level_sets import HORIZON_SUFFIX, horizon_name, level_sets, take
from rlsuite.experiments.plots import Picture
from rlsuite.experiments.report_act import what_talk_does
from rlsuite.experiments.report_learned import what_was_learned
from rlsuite.experiments.runner import last_state
from rlsuite.experiments.statistics import Estimate
from rlsuite.experiments.storage import read_config, read_document, read_metrics, write_text
from rlsuite.experiments.tasks import task_source

LEVELS_SHOWN = 6
OPTIMAL_FRACTION = "fraction of the optimal return"


def report(directory: Path) -> Path:
    """Writes `report.md` and its figures into a run's folder; returns its path.

    Shows what there is: the learning curve always, the levels of highest and lowest regret where
    a buffer or a meta-test knows them, and the meta-test once `rlsuite evaluate` has been run.
    """
    config = read_config(directory)
    parts = [
        _heading(directory, config),
        _curves(directory),
        _gallery(directory, config),
        what_was_learned(directory, config, read_evaluation(directory)),
        what_talk_does(directory, read_evaluation(directory)),
        _meta_test(directory),
    ]
    path = directory / "report.md"
    write_text(path, "\n\n".join(part for part in parts if part) + "\n")
    return path


def read_evaluation(directory: Path) -> dict[str, Any] | None:
    """What `rlsuite evaluate` wrote for a run, or None."""
    path = directory / "evaluation.json"
    return json.loads(path.read_text()) if path.exists() else None


def estimates(evaluation: dict[str, Any]) -> dict[str, dict[str, Estimate]]:
    """By level set and contender."""
    return {
        name: {who: Estimate(**value) for who, value in result["estimates"].items()}
        for name, result in evaluation["sets"].items()
    }


def _heading(directory: Path, config: RunConfig) -> str:
    document = read_document(directory)
    lines = read_metrics(directory)
    last = lines[-1] if lines else {"step": 0, "seconds": 0.0}
    speed = [line["agent_updates_per_second"] for line in lines]
    versions = ", ".join(f"{name} {number}" for name, number in document["versions"].items())
    settings = "\n".join(f"| {name} | {leaf.value} |" for name, leaf in leaves(config).items())
    summary = f"Step {last['step']} of {config.steps} after {last['seconds']:.0f} s of training"
    if speed:
        summary += f", at a median of {np.median(speed):,.0f} agent updates per second"
    return (
        f"# {document['method'].upper()}, preset {document['preset']}, seed {config.seed}\n\n"
        f"{summary}.\n\n<details><summary>Configuration</summary>\n\n"
        f"| field | value |\n|---|---|\n{settings}\n\n{versions}\n\n</details>"
    )


def _curves(directory: Path) -> str:
    lines = read_metrics(directory)
    if not lines:
        return ""
    name = read_document(directory)["method"].upper()
    plots.learning_curves(directory / "learning_curve.png", {name: [lines]})
    return "## Learning curve\n\n![Metrics over meta-steps](learning_curve.png)"


def _gallery(directory: Path, config: RunConfig) -> str:
    if config.tasks not in LEVEL_DISTRIBUTIONS:
        return ""
    found = _buffer_levels(directory, config) or _held_out_levels(directory, config)
    if found is None:
        return ""
    levels, scores, world, origin = found
    order = np.argsort(scores)
    shown = min(LEVELS_SHOWN, len(order))

    def pictures(indices):
        return [
            Picture(render(world, take(levels, index)), f"{scores[index]:.2f}") for index in indices
        ]

    plots.gallery(
        directory / "levels.png",
        {
            f"Highest {origin}": pictures(order[::-1][:shown]),
            f"Lowest {origin}": pictures(order[:shown]),
        },
    )
    return f"## Levels\n\n![Levels of highest and lowest {origin}](levels.png)"


def _buffer_levels(directory: Path, config: RunConfig):
    """Levels in GROOVE's buffer with their scores."""
    if not isinstance(config, GrooveRun):
        return None
    buffer = last_state(directory, build(config).method).curriculum
    known = np.flatnonzero(buffer.is_scored)
    if not known.size:
        return None
    levels = take(jax.device_get(buffer.task.level), known)
    name = config.score.replace("_", " ")
    return levels, np.asarray(buffer.score)[known], task_source(config.tasks).world, name


def _held_out_levels(directory: Path, config: RunConfig):
    """Held-out levels with the mean regret of agents against the optimal return."""
    evaluation = read_evaluation(directory)
    if evaluation is None or not isinstance(config.evaluation, LevelEvaluationConfig):
        return None
    level_set = level_sets(config.tasks, config.evaluation)[0]
    if level_set.optimal is None:
        return None
    own_returns = next(iter(evaluation["sets"][level_set.name]["returns"].values()))
    regret = level_set.optimal - np.mean(own_returns, axis=1)
    levels = jax.device_get(level_set.tasks.level)
    return levels, regret, level_set.source.world, "regret on held-out levels"


def _meta_test(directory: Path) -> str:
    evaluation = read_evaluation(directory)
    if evaluation is None:
        return f"Meta-test it with `rlsuite evaluate {directory}`, then write this report again."
    sets = estimates(evaluation)
    figures = meta_test_figures(directory, read_config(directory), evaluation, sets)
    text = (
        f"## Meta-test\n\n{figures}{markdown_table(sets)}\n\n"
        + "\n".join(f"- {line}" for line in standings(evaluation))
        + "\n\nReturns of fresh agents after their lifetimes, divided by the optimal return where "
        "it is known: interquartile mean and 95 % stratified bootstrap interval over levels and "
        "seeds."
    )
    if "a2c" in evaluation:
        tuned = evaluation["a2c"]
        text += (
            f" A2C was tuned on training levels: learning rates × {tuned['rate']:g}, entropy "
            f"coefficient {tuned['entropy_coefficient']:g}."
        )
    return text


def meta_test_figures(
    directory: Path,
    config: RunConfig,
    evaluation: dict[str, Any],
    sets: dict[str, dict[str, Estimate]],
) -> str:
    """Draws a meta-test: bars for each level set, and lines over the horizon.

    Args:
      directory: where the files go.
      config: a run that was tested so.
      evaluation: its meta-test, which tells what is normalised.
      sets: the estimates to draw, by level set and contender.

    Returns:
      Markdown that shows the figures.
    """
    settings = config.evaluation
    horizons = settings.horizons if isinstance(settings, ObjectiveEvaluationConfig) else None
    lasting = {
        horizon: sets[horizon_name(horizon)]
        for horizon in horizons or ()
        if horizon_name(horizon) in sets
    }
    solved = {name for name in sets if evaluation["sets"][name]["optimal"]}
    shown = {name: sets[name] for name in sets if not name.endswith(HORIZON_SUFFIX)}
    normalised = {name: shown[name] for name in shown if name in solved}
    others = {name: shown[name] for name in shown if name not in solved}
    text = ""
    if normalised:
        plots.bars(directory / "meta_test.png", normalised, OPTIMAL_FRACTION)
        text += "![Meta-test](meta_test.png)\n\n"
    if others:
        plots.bars_apart(directory / "returns.png", others)
        text += "![Returns](returns.png)\n\n"
    if lasting:
        unit = OPTIMAL_FRACTION if solved else "return"
        plots.horizons(directory / "horizons.png", lasting, _lifetimes(config), unit)
        text += "![Meta-test over the horizon](horizons.png)\n\n"
    return text


def _lifetimes(config: RunConfig) -> tuple[int, int]:
    source = task_source(config.tasks)
    if isinstance(config, EvolutionRun):
        return config.lifetimes(source)
    return source.lifetime_range


def markdown_table(sets: dict[str, dict[str, Estimate]]) -> str:
    """Contenders in rows, level sets in columns."""
    contenders = next(iter(sets.values()))
    rows = [
        f"| {who} | {' | '.join(str(values[who]) for values in sets.values())} |"
        for who in contenders
    ]
    return "\n".join(
        [f"| learned by | {' | '.join(sets)} |", "|---" * (len(sets) + 1) + "|", *rows]
    )
