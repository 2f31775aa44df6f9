"""How figures look: quiet axes, and a colour for each contender that says what it is."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

INK = "#30343b"
GRID = "#e3e5e8"
INTERVAL = "interquartile mean and 95 % interval"

_STRONG = (
    *("#2f6db3", "#d5702a", "#2f9163", "#a0529e", "#c9a227", "#c2434b", "#35a0b5", "#7a5a3a"),
)
_MUTED = ("#7c8087", "#b09a78", "#86a0b5", "#a48ca6", "#93a17d", "#b58a86")
_SHADES = (("#000000", 0.0), ("#000000", 0.4), ("#ffffff", 0.45))
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
_DASHES = ((0, (5, 1.6)), (0, (1.2, 1.4)), (0, (6, 1.6, 1.2, 1.6)))


def _shaded(colours: Sequence[str]) -> tuple[str, ...]:
    """The colours, then all of them darker, then all of them lighter."""
    return tuple(_mixed(colour, other, share) for other, share in _SHADES for colour in colours)


def _mixed(colour: str, other: str, share: float) -> str:
    pairs = zip(to_rgb(colour), to_rgb(other), strict=True)
    red, green, blue = ((1 - share) * one + share * two for one, two in pairs)
    return to_hex((red, green, blue))


COLOURS = _shaded(_STRONG)
"""Of what was learned, and of anything else that is told apart in a figure."""

BASELINE_COLOURS = _shaded(_MUTED)
"""Of what needs no training run: muted, and drawn dashed, hatched or hollow."""


def contender_colours(learned: Iterable[str], baselines: Iterable[str] = ()) -> dict[str, str]:
    """A colour for each contender, which it keeps in all pictures that are given them.

    Args:
      learned: names of what runs have learned, the report's own first.
      baselines: names of what is the same for all runs that are tested alike, always in the same
        order.

    Returns:
      By name. Those of baselines are from `BASELINE_COLOURS`, by which drawings know them.
    """
    return {
        **dict(zip(baselines, _cycle(BASELINE_COLOURS), strict=False)),
        **dict(zip(learned, _cycle(COLOURS), strict=False)),
    }


def with_colours(
    names: Iterable[str], colours: Mapping[str, str] | None = None
) -> list[tuple[str, str]]:
    """Names in order, each with its colour; those that `colours` lacks get one it doesn't use."""
    names, known = list(names), dict(colours or {})
    unused = [colour for colour in COLOURS if colour not in known.values()] or COLOURS
    others = [name for name in names if name not in known]
    known |= {name: unused[place % len(unused)] for place, name in enumerate(others)}
    return [(name, known[name]) for name in names]


def _cycle(colours: Sequence[str]) -> Iterable[str]:
    while True:
        yield from colours


def is_baseline(colour: str) -> bool:
    """Whether a colour is one of baselines."""
    return colour in BASELINE_COLOURS


def line_look(colour: str) -> dict[str, Any]:
    """A line of a contender: solid for what was learned, dashed for a baseline."""
    if not is_baseline(colour):
        return {"color": colour, "linewidth": 1.8}
    dashes = _DASHES[BASELINE_COLOURS.index(colour) % len(_DASHES)]
    return {"color": colour, "linewidth": 1.8, "linestyle": dashes}


def marked_look(colour: str) -> dict[str, Any]:
    """A line of a contender that is told apart without its colour, by its markers as well."""
    palette = BASELINE_COLOURS if is_baseline(colour) else COLOURS
    number = palette.index(colour) if colour in palette else 0
    return {
        **line_look(colour),
        "linewidth": 1.2,
        "marker": _MARKERS[number % len(_MARKERS)],
        "markersize": 4,
        "markeredgewidth": 0.8,
        "markerfacecolor": "#ffffff" if is_baseline(colour) else colour,
    }


def bar_look(colour: str) -> dict[str, Any]:
    """A bar of a contender: full for what was learned, hatched for a baseline."""
    if not is_baseline(colour):
        return {"color": colour}
    return {"facecolor": "#ffffff", "edgecolor": colour, "hatch": "////", "linewidth": 1.0}


def point_look(colour: str) -> dict[str, Any]:
    """A point of a contender: full for what was learned, hollow for a baseline."""
    return {"edgecolor": colour, "facecolor": "#ffffff" if is_baseline(colour) else colour}


def plain(name: str) -> str:
    """A name for a figure in which dollar signs are what they are, and no mathematics."""
    return name.replace("$", r"\$")


def style(axis: Axes, title: str) -> None:
    """A title to the left, quiet lines, and no box."""
    axis.set_title(plain(title), color=INK, fontsize=10, loc="left")
    axis.grid(axis="y", color=GRID, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(which="both", colors=INK, labelsize=8)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def line_mark(label: str, **look: Any) -> Line2D:
    """A line of a key."""
    return Line2D([], [], **{"color": INK, "label": plain(label), **look})


def band_mark(label: str, **look: Any) -> Patch:
    """A band of a key."""
    return Patch(**{"facecolor": INK, "alpha": 0.18, "linewidth": 0, "label": plain(label), **look})


def key_below(figure: Figure, marks: Sequence[Line2D | Patch]) -> None:
    """The key of a whole figure, under it, in as many columns as its width allows."""
    longest = max(len(str(mark.get_label())) for mark in marks)
    column = 0.6 + 0.075 * longest
    figure.legend(
        handles=list(marks),
        loc="outside lower left",
        ncols=max(1, min(len(marks), int(figure.get_figwidth() / column))),
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
    )


def save(figure: Figure, path: Path, dots_per_inch: int = 130) -> None:
    """Writes a figure as a file of the kind that its name says; the same figure, the same bytes."""
    undated = {"CreationDate": None} if path.suffix == ".pdf" else {}
    with rc_context({"pdf.fonttype": 42}):  # As text that can be searched.
        figure.savefig(path, dpi=dots_per_inch, metadata=undated)
