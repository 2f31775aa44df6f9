"""The pictures of a sweep's report: which there are, and captions that say what is in them."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure

from rlsuite.experiments.evaluation import Table
from rlsuite.experiments.plots import logged_metrics
from rlsuite.experiments.report import units
from rlsuite.experiments.statistics import Profile, performance_profile
from rlsuite.experiments.sweeping import figures
from rlsuite.experiments.sweeping.results import CommonTest, Found, numbered

THRESHOLDS = np.linspace(0.0, 1.0, 101)
PANELS_OF_A_METHOD = 2

_CONTENDERS = (
    "What was learned has full markers and solid lines, baselines have hollow markers and dashed "
    "lines"
)
_INTERVAL = "95 % stratified bootstrap interval over runs, levels and seeds"

_TRAINED = {
    True: ", and the lifetimes in training are shaded",
    False: ", and the dotted line is the lifetime in training",
}


class Picture(NamedTuple):
    """A figure of a report.

    Attributes:
      name: of its files, without their ending.
      title: what it shows, in a few words.
      caption: what each line, marker and band in it is.
      draw: makes it.
    """

    name: str
    title: str
    caption: str
    draw: Callable[[], Figure]


def of_test(test: CommonTest, colours: figures.Colours) -> Iterator[Picture]:
    """The pictures of what was tested alike."""
    level_tables = [table for table in test.tables if table.horizon is None]
    lasting = [table for table in test.tables if table.horizon is not None]
    if level_tables:
        yield Picture(
            "results",
            "Interquartile means",
            "Results by table, a row for each contender: the marker is the interquartile mean, the "
            f"line its {_INTERVAL}. Markers of settings are full, those of baselines hollow. "
            f"Numbers are of the {units(level_tables)}.{_direction(level_tables)}",
            partial(figures.intervals, level_tables, test.estimates, colours),
        )
    if lasting:
        trained = _trained(test)
        shaded = "" if trained is None else _TRAINED[trained[0] < trained[1]]
        yield Picture(
            "horizons",
            "Results over the horizon",
            f"Results of agents that live for exactly so many updates: interquartile means as "
            f"markers joined by lines, their {_INTERVAL} as bands{shaded}. {_CONTENDERS}."
            f"{_direction(lasting)}",
            partial(figures.over_horizons, lasting, test.estimates, colours, trained),
        )
    for number, (shown, lines) in enumerate(test.curves, 1):
        yield Picture(
            f"curves_{number}",
            shown.name,
            f"{shown.name}: means over the runs of a setting as lines, with markers to tell them "
            "apart, and as bands what lies in the 95 % interval of one of the runs, or between "
            f"those of two. {_CONTENDERS}.",
            partial(figures.over_lives, shown, lines, colours),
        )
    profiles = _profiles(test)
    if profiles:
        yield Picture(
            "profiles",
            "Performance profiles",
            "Performance profiles: the share of all results (runs, levels and seeds of "
            f"{', '.join(table.name for table in _normalised(test))}) above each normalised score "
            "τ, 1 being the optimum. Lines are measured shares, with markers to tell them apart, "
            f"bands their pointwise {_INTERVAL}; a line that is higher everywhere is better "
            f"everywhere. {_CONTENDERS}.",
            partial(figures.profiles, THRESHOLDS, profiles, colours),
        )


def of_training(found: Found, colours: figures.Colours) -> Picture | None:
    """Learning curves, if anything was logged."""
    runs: dict[str, list] = {}
    titles: dict[str, str] = {}
    for job, run in found.runs:
        metrics = run.metrics
        runs.setdefault(job.setting.name, []).append(metrics)
        logged = set(logged_metrics([metrics]))
        known = [name for name in run.spec.panels if name in logged][:PANELS_OF_A_METHOD]
        titles |= {name: run.spec.panels[name] for name in known}
    if not titles:
        return None
    return Picture(
        "learning_curves",
        "Learning curves",
        "What was logged in training, over steps of the method: lines are means over the runs of a "
        "setting of their running medians, with markers to tell settings apart, bands the range of "
        "these over the runs (none where there is one run). A line ends where the shortest of its "
        "runs does.",
        partial(figures.learning_curves, runs, titles, colours),
    )


def _direction(tables: Sequence[Table]) -> str:
    lower = [table.name for table in tables if not table.higher_is_better]
    return f" Lower is better on {', '.join(lower)}." if lower else ""


def _trained(test: CommonTest) -> tuple[int, int] | None:
    """The lifetimes of training, if all runs have the same."""
    ranges = {run.run.world.lifetime_range for run in test.runs if run.run.world is not None}
    return ranges.pop() if len(ranges) == 1 else None


def _normalised(test: CommonTest) -> list[Table]:
    """Tables with scores that mean the same, no level of which is in two of them."""
    known = [table for table in test.tables if table.optimal is not None]
    return [table for table in known if table.horizon is None] or known


def _profiles(test: CommonTest) -> dict[str, Profile]:
    """By contender that was tested on all normalised tables, over the levels of all of them."""
    tables = _normalised(test)
    found = {}
    for name in (*test.settings, *test.baselines):
        results = [test.results(table, name) for table in tables]
        there = [one for one in results if one is not None]
        shapes = {(one.shape[0], one.shape[2]) for one in there}
        if len(there) == len(tables) and len(shapes) == 1:
            strata = [f"{table.name}: {stratum}" for table in tables for stratum in table.strata]
            found[name] = performance_profile(
                np.concatenate(there, axis=1), numbered(strata), THRESHOLDS
            )
    return found
