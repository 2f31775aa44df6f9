"""Reports of repeated games: scores by game and family, the case studies, and what was played."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rlsuite.envs.games.ordinal import PATTERNS
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.games.families import COLUMNS, OPTIMUM
from rlsuite.experiments.plot_style import (
    COLOURS,
    GRID,
    INK,
    key_below,
    line_mark,
    plain,
    save,
    style,
)
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.words import table_in_markdown

RECORDED = {
    "GPT-4": (0.933, 0.728, 0.685, 0.726, 0.743, 0.657, 0.723, 0.772),
    "Claude 2": (0.802, 0.796, 0.753, 0.752, 0.751, 0.712, 0.749, 0.775),
    "Claude 1": (0.878, 0.735, 0.683, 0.721, 0.700, 0.665, 0.691, 0.754),
    "davinci-003": (0.813, 0.752, 0.637, 0.732, 0.741, 0.622, 0.707, 0.742),
    "Llama 2 70b": (0.915, 0.632, 0.487, 0.627, 0.704, 0.480, 0.623, 0.684),
}
"""Mean scores of the paper's language models among themselves, by family and in all, recomputed
from its public data (MIT licence)."""

_GREY = "#7c8087"
_SHOWN = ("tit for tat", "grim trigger", "stubborn", "predictor of 1 round", "random")
_STRIPS = ("tit for tat", "grim trigger", "alternating 0 1", "turn-taker", "stubborn")


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """Scores by game and by family, totals of the case studies, and matches."""
    if evaluation is None:
        return []
    extras, own = evaluation.extras, evaluation.own
    num_rounds = finished.run.method.num_rounds
    drawings = (
        Drawing(
            "families.png",
            "Scores of the agents in all games, and of several players by family",
            lambda path: families(path, extras, own),
        ),
        Drawing(
            "case_studies.png",
            "Totals of all players against all in the case studies",
            lambda path: case_studies(path, extras, num_rounds),
        ),
        Drawing(
            "matches.png",
            "What the first agent and its opponents played",
            lambda path: matches(path, extras, own),
        ),
    )
    return [
        Section("Families", drawings[:1], _tables(extras)),
        Section(
            "Case studies",
            drawings[1:],
            "Both from the first player's seat, the Battle of the Sexes also from the second's.",
        ),
    ]


def _tables(extras: Mapping[str, Any]) -> str:
    """Scores by family, what bounds them, and scores as shares of the social optimum."""
    rows = [
        [name, *(_with_interval(means[column]) for column in COLUMNS)]
        for name, means in extras["means"].items()
    ]
    rows += [
        [f"*{name}*", *(_bound_in_words(means[column]) for column in COLUMNS)]
        for name, means in extras["bounds"].items()
    ]
    recorded = [
        [f"*{name}, in the paper*", *(f"*{value:.3f}*" for value in values)]
        for name, values in RECORDED.items()
    ]
    optimum = [extras["bounds"][OPTIMUM][column] for column in COLUMNS]
    shares = [
        [name, *(_with_interval(found[column]) for column in COLUMNS)]
        for name, found in extras["shares"].items()
    ]
    shares += [
        [
            f"*{name}, in the paper*",
            *(f"*{value / best:.3f}*" for value, best in zip(values, optimum, strict=True)),
        ]
        for name, values in RECORDED.items()
    ]
    return (
        "Mean scores over games and opponents; ± is half of the 95 % interval's width, over "
        "opponents and the games of a family. In italics, what two players get in the mean who "
        "play as is best for both (pure equilibria: where there is one), and what the paper "
        "recorded of language models among themselves: other players against other opponents, "
        "for reference.\n\n"
        + table_in_markdown(["", *COLUMNS], [*rows, *recorded])
        + "\n\nThe same as shares of the social optimum, the outcome that is best for both "
        "together.\n\n" + table_in_markdown(["", *COLUMNS], shares)
    )


def _bound_in_words(mean: float | None) -> str:
    return "–" if mean is None else f"*{mean:.3f}*"


def _with_interval(found: Sequence[float]) -> str:
    value, low, high = found
    return f"{value:.3f} ± {(high - low) / 2:.3f}"


def families(path: Path, extras: Mapping[str, Any], own: str) -> None:
    """The table of games in colours, beside scores by family."""
    figure = Figure(figsize=(11.6, 5.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.25))
    scores, kinds = (np.array(extras[key]).reshape(12, 12) for key in ("map", "families"))
    image = left.imshow(scores, cmap="viridis", interpolation="none")
    _outline(left, kinds)
    names = list(PATTERNS)
    left.set_yticks(range(12), names)
    left.set_xticks(range(12), names[::-1], rotation=90)
    left.tick_params(colors=INK, labelsize=7, length=0)
    left.set_ylabel("payoffs of the first player", color=INK, fontsize=8)
    left.set_xlabel("payoffs of the second", color=INK, fontsize=8)
    left.set_title(
        plain(f"score of {own}; lines part families"), color=INK, fontsize=10, loc="left"
    )
    key = figure.colorbar(image, ax=left, shrink=0.7)
    key.set_label("mean score", color=INK, fontsize=8)
    key.ax.tick_params(colors=INK, labelsize=7)
    _by_family(right, extras, own)
    marks = [line_mark(own, color=COLOURS[0], marker="o", linewidth=0)]
    shown = [name for name in _SHOWN if name in extras["means"]]
    marks += [
        line_mark(name, color=COLOURS[1 + place], marker="_", markersize=12, linewidth=0)
        for place, name in enumerate(shown)
    ]
    marks += [
        line_mark(f"{name} in the paper", color=_GREY, marker=mark, linewidth=0, mfc="#ffffff")
        for name, mark in (("GPT-4", "D"), ("Llama 2 70b", "v"))
    ]
    key_below(figure, marks)
    save(figure, path)


def _by_family(axis: Axes, extras: Mapping[str, Any], own: str) -> None:
    places = np.arange(len(COLUMNS))
    for place, name in enumerate(one for one in _SHOWN if one in extras["means"]):
        values = [extras["means"][name][column][0] for column in COLUMNS]
        axis.plot(places, values, "_", color=COLOURS[1 + place], markersize=16, markeredgewidth=2)
    for name, mark in (("GPT-4", "D"), ("Llama 2 70b", "v")):
        axis.plot(places + 0.28, RECORDED[name], mark, color=_GREY, markersize=5, mfc="#ffffff")
    for place, column in enumerate(COLUMNS):
        agents = extras["agents"][column]
        offsets = np.linspace(-0.16, 0.16, len(agents))
        axis.plot(place + offsets, agents, "o", color=COLOURS[0], markersize=3.5, alpha=0.8)
    axis.axhline(0.625, color=GRID, linewidth=1, zorder=0)
    axis.set_xticks(places, [name.replace(" ", "\n") for name in COLUMNS])
    style(axis, "mean score by family; one point for each agent")


def _outline(axis: Axes, kinds: np.ndarray) -> None:
    """Lines between neighbours of different families."""
    look: dict[str, Any] = {"color": "#ffffff", "linewidth": 1.4}
    for row, column in np.argwhere(kinds[1:] != kinds[:-1]):
        axis.plot((column - 0.5, column + 0.5), (row + 0.5,) * 2, **look)
    for row, column in np.argwhere(kinds[:, 1:] != kinds[:, :-1]):
        axis.plot((column + 0.5,) * 2, (row - 0.5, row + 0.5), **look)
    axis.set_xlim(-0.5, 11.5)
    axis.set_ylim(11.5, -0.5)


def case_studies(path: Path, extras: Mapping[str, Any], num_rounds: int) -> None:
    """Totals of the player in the row against the one in the column, at both games."""
    names = [plain(name) for name in extras["names"]]
    size = 0.19 * len(names)
    figure = Figure(figsize=(3.6 + 3 * size, 2.8 + size), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    first, second = extras["battle"]
    shown = {
        "Prisoner's Dilemma, first player": extras["dilemma"],
        "Battle of the Sexes, first player": first,
        "Battle of the Sexes, second player": second,
    }
    for axis, (title, scores) in zip(panels, shown.items(), strict=True):
        image = axis.imshow(
            10 * num_rounds * np.array(scores), cmap="viridis", vmin=0, vmax=10 * num_rounds
        )
        axis.set_xticks(range(len(names)), names, rotation=90)
        axis.set_yticks(range(len(names)), names)
        axis.tick_params(colors=INK, labelsize=7, length=0)
        axis.set_xlabel("opponent", color=INK, fontsize=8)
        axis.set_title(title, color=INK, fontsize=10, loc="left")
    panels[0].set_ylabel("player whose total is shown", color=INK, fontsize=8)
    bar = figure.colorbar(image, ax=list(panels), shrink=0.7)
    bar.set_label(f"total payoff of {num_rounds} rounds", color=INK, fontsize=8)
    bar.ax.tick_params(colors=INK, labelsize=7)
    save(figure, path)


def matches(path: Path, extras: Mapping[str, Any], own: str) -> None:
    """Strips of actions: the agent's above its opponent's."""
    names = [name for name in (own, *_STRIPS) if name in extras["strips"]]
    figure = Figure(figsize=(8.4, 0.8 + 0.55 * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 2, sharex=True, squeeze=False)
    for row, name in zip(panels, names, strict=True):
        for axis, strips in zip(row, extras["strips"][name], strict=True):
            axis.imshow(strips, cmap="cividis", vmin=0, vmax=1, aspect="auto")
            axis.set_yticks(range(2), ["agent", plain(name)])
            axis.set_xticks([])
            axis.tick_params(colors=INK, labelsize=7, length=0)
            axis.axhline(0.5, color="#ffffff", linewidth=1)
    for axis, title in zip(
        panels[0],
        ("Prisoner's Dilemma: dark cooperates", "Battle of the Sexes: dark is action 0"),
        strict=True,
    ):
        axis.set_title(title, color=INK, fontsize=9, loc="left")
    figure.supxlabel("round", color=INK, fontsize=8)
    save(figure, path)
