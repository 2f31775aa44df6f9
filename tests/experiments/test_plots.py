"""That figures show everything they are given, and say what each line and band is."""

from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import arrays
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from rlsuite.experiments import lives, plots
from rlsuite.experiments.evaluation import Curve, Curves
from rlsuite.experiments.methods.cheap_talk import plots as cheap_talk_plots
from rlsuite.experiments.methods.drifts import plots as drift_plots
from rlsuite.experiments.plot_style import (
    BASELINE_COLOURS,
    COLOURS,
    INTERVAL,
    contender_colours,
    is_baseline,
    with_colours,
)
from rlsuite.experiments.statistics import Estimate

LEARNED, BASELINES = ("GROOVE", "LPG"), ("untrained", "A2C")
CONTENDERS = (*LEARNED, *BASELINES)
PATH = Path("figure.png")


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn; nothing is written."""
    figures = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: figures.append(figure))
    return figures


def run_log(values, metric="agent_return"):
    return [{"step": step, metric: value} for step, value in values.items()]


def key(figure):
    """The texts of all keys of a figure."""
    legends = [*figure.legends, *filter(None, (axis.get_legend() for axis in figure.axes))]
    return [text.get_text() for legend in legends for text in legend.get_texts()]


def key_colours(figure):
    """By its text, the colour of each bar or line of the key beside the axes."""
    handles = figure.axes[0].get_legend_handles_labels()
    looks = {}
    for handle, label in zip(*handles, strict=True):
        patch = handle.patches[0] if hasattr(handle, "patches") else handle
        if hasattr(patch, "get_color"):
            looks[label] = to_hex(patch.get_color())
        else:
            hatched = patch.get_hatch() is not None
            looks[label] = to_hex(patch.get_edgecolor() if hatched else patch.get_facecolor())
    return looks


def estimates(*names):
    return {name: Estimate(place, place - 0.5, place + 0.5) for place, name in enumerate(names)}


@given(
    arrays(float, st.integers(0, 30), elements=st.floats(allow_nan=True, allow_infinity=False)),
    st.integers(1, 8),
)
def test_no_level_is_among_the_highest_and_the_lowest(scores, most):
    highest, lowest = plots.extremes(scores, most)
    known = np.sort(scores[~np.isnan(scores)])
    assert len({*highest, *lowest}) == len(highest) + len(lowest) == min(2 * most, len(known))
    assert len(lowest) <= len(highest) <= min(most, len(lowest) + 1)
    np.testing.assert_array_equal(scores[highest], known[::-1][: len(highest)])
    np.testing.assert_array_equal(scores[lowest], known[: len(lowest)])


def test_contenders_keep_their_colours_whoever_stands_beside_them():
    alone = contender_colours(["GROOVE"], BASELINES)
    beside = contender_colours(["GROOVE", "LPG"], BASELINES)
    assert {name: beside[name] for name in alone} == alone
    assert len(set(beside.values())) == len(beside)
    assert {name for name, colour in beside.items() if is_baseline(colour)} == set(BASELINES)


def test_no_two_colours_are_alike_and_more_contenders_than_colours_are_kept():
    assert len({*COLOURS, *BASELINE_COLOURS}) == len(COLOURS) + len(BASELINE_COLOURS)
    many = [f"run {number}" for number in range(2 * len(COLOURS))]
    assert list(contender_colours(many)) == many
    assert [name for name, _ in with_colours(many)] == many


def test_names_without_a_colour_get_one_that_is_not_taken():
    named = dict(with_colours(["new", "GROOVE"], {"GROOVE": COLOURS[0]}))
    assert named == {"new": COLOURS[1], "GROOVE": COLOURS[0]}


def test_a_single_run_is_shown_as_logged_and_smoothed(drawn):
    log = run_log({1: 0.0, 2: 5.0, 3: 1.0})
    plots.learning_curves(PATH, {"GROOVE": [log]}, {"agent_return": "return", "never": "none"})
    (figure,) = drawn
    assert key(figure) == ["GROOVE", "as logged", "running median"]
    assert [axis.get_title("left") for axis in figure.axes] == ["return"]
    faint, strong = figure.axes[0].lines
    np.testing.assert_array_equal(faint.get_ydata(), [0, 5, 1])
    assert faint.get_alpha() < 0.5 and strong.get_alpha() is None


def test_seeds_are_shown_by_their_mean_and_range_where_all_have_reported(drawn):
    runs = [run_log({1: 0.0, 2: 2.0, 3: 4.0}), run_log({2: 4.0, 3: 8.0, 4: 9.0})]
    plots.learning_curves(PATH, {"GROOVE": runs, "LPG": runs[:1]}, {"agent_return": "return"})
    (figure,) = drawn
    texts = ["mean of the runs' running medians", "their range over the runs"]
    assert key(figure) == ["GROOVE", "LPG", "as logged", "running median", *texts]
    mean = figure.axes[0].lines[0]
    np.testing.assert_array_equal(mean.get_xdata(), [2, 3])
    np.testing.assert_array_equal(mean.get_ydata(), [3, 6])
    corners = figure.axes[0].collections[0].get_paths()[0].vertices
    assert {(2, 2), (2, 4), (3, 4), (3, 8)} <= {tuple(corner) for corner in corners.tolist()}


def test_metrics_without_titles_are_shown_by_their_names(drawn):
    log = [{"step": 1, "seconds": 2.0, "some_loss": 3.0, "nothing": None}]
    plots.learning_curves(PATH, {"mine": [log]}, {})
    assert [axis.get_title("left") for axis in drawn[0].axes] == ["some loss"]


def test_all_pictures_of_a_report_give_a_contender_one_colour(drawn):
    colours = contender_colours(LEARNED, BASELINES)
    sets = {1: estimates(*CONTENDERS), 10: estimates(*reversed(CONTENDERS))}
    line = Curve([0, 1], [1, 2], [0, 1], [2, 3])
    plots.bars(PATH, {str(place): one for place, one in sets.items()}, "return", colours=colours)
    plots.horizons(PATH, sets, (2, 5), "return", colours=colours)
    shown = Curves("lives", "update", "return", dict.fromkeys(CONTENDERS[1:], line))
    plots.curves(PATH, shown, colours=colours)
    plots.bars_apart(PATH, {"one": estimates(*CONTENDERS)}, colours=colours)
    bars, horizons, curves, apart = drawn
    assert key_colours(bars) == colours
    found = key_colours(horizons)
    assert {name: found[name] for name in colours} == colours
    assert "lifetimes in training" in key(horizons)
    assert key_colours(curves) == {name: colours[name] for name in CONTENDERS[1:]}
    intervals = [to_hex(line.get_color()) for line in apart.axes[0].lines]
    assert intervals == [colours[name] for name in CONTENDERS]


def test_baselines_look_unlike_what_was_learned_without_their_colour(drawn):
    colours = contender_colours(LEARNED, BASELINES)
    plots.bars(PATH, {"levels": estimates(*CONTENDERS)}, "return", colours=colours)
    plots.horizons(PATH, {1: estimates(*CONTENDERS)}, (1, 2), "return", colours=colours)
    bars, horizons = drawn
    hatched = {bar.get_label(): bar.patches[0].get_hatch() for bar in bars.axes[0].containers[1::2]}
    assert {name for name, hatch in hatched.items() if hatch} == set(BASELINES)
    styles = {line.get_label(): line.get_linestyle() for line in horizons.axes[0].lines}
    assert {name for name in CONTENDERS if styles[name] != "-"} == set(BASELINES)


def test_every_contender_is_drawn_however_many_there_are(drawn):
    names = [f"contender {number}" for number in range(2 * len(COLOURS))]
    line = Curve([0, 1], [1, 2], [0, 1], [2, 3])
    plots.bars(PATH, {"levels": estimates(*names)}, "return")
    plots.horizons(PATH, {1: estimates(*names)}, (1, 2), "return")
    plots.curves(PATH, Curves("lives", "update", "return", dict.fromkeys(names, line)))
    log = run_log({1: 0.0, 2: 1.0})
    plots.learning_curves(PATH, {name: [log] for name in names}, {"agent_return": "return"})
    for figure in drawn:
        assert set(names) <= set(key(figure))


def test_who_was_not_tested_on_a_set_is_left_out_there_alone(drawn):
    sets = {"all": estimates("a", "b"), "some": estimates("b")}
    plots.bars(PATH, sets, "return")
    plots.bars_apart(PATH, sets)
    plots.horizons(PATH, {1: estimates("a", "b"), 2: estimates("b")}, (1, 2), "return")
    bars, apart, horizons = drawn
    containers = [one for one in bars.axes[0].containers if hasattr(one, "patches")]
    assert [len(one.patches) for one in containers] == [1, 2]
    assert [len(axis.lines) for axis in apart.axes] == [2, 1]
    assert [len(line.get_xdata()) for line in horizons.axes[0].lines] == [1, 2]


def test_every_figure_of_estimates_says_what_they_are(drawn):
    line = Curve([0, 1], [1, 2], [0, 1], [2, 3])
    plots.bars(PATH, {"levels": estimates("a")}, "fraction")
    plots.bars_apart(PATH, {"levels": estimates("a")}, "fraction")
    plots.horizons(PATH, {1: estimates("a")}, (1, 2), "fraction")
    plots.curves(PATH, Curves("lives", "update", "fraction", {"a": line}))
    for figure in drawn:
        texts = [axis.get_title("left") for axis in figure.axes]
        texts += [figure.get_supxlabel()]
        assert any("fraction" in text and INTERVAL in text for text in texts)


def test_a_gallery_has_a_key_for_its_pictures(drawn):
    image = np.zeros((4, 4, 3), np.uint8)
    picture = plots.Picture(image, "0.5")
    meanings = [f"thing {number}" for number in range(6)]
    rows = {"Highest": [picture] * 5, "Lowest": [picture], "Nothing": []}
    plots.gallery(PATH, rows, dict.fromkeys(meanings, image))
    (figure,) = drawn
    titles = [part.get_suptitle() for part in figure.subfigs]
    assert titles == ["Highest", "Lowest", ""]
    texts = [text.get_text() for axis in figure.subfigs[-1].axes for text in axis.texts]
    assert texts == meanings
    assert sum(len(axis.images) for axis in figure.axes) == 6 + len(meanings)


def test_figures_of_cheap_talk_say_what_is_shown(drawn):
    slices = [{"input": place, "values": [0, 1], "messages": [[0, 1]] * 30} for place in range(2)]
    cheap_talk_plots.message_slices(PATH, slices)
    episodes = {"goal": [[0.0, 1.0], [1.0, 2.0]], "reached": [[0.0, 1.0], [1.0, 2.0]]}
    cheap_talk_plots.goals_reached(PATH, {"shaper": episodes, "random": episodes})
    messages, goals = drawn
    assert key(messages) == [f"number {place} of the message" for place in range(30)]
    assert all(axis.get_xlabel() == "value of the input" for axis in messages.axes)
    assert key(goals)[:2] == [f"number {place} of the goal, an episode" for place in range(2)]
    assert key(goals)[2:] == ["reached what was asked for"]


def test_figures_of_what_was_learned_say_what_is_shown(drawn):
    flat = drift_plots.Surface(np.ones((3, 4)), np.ones((3, 4)))
    drift_plots.drift_maps(PATH, {"PPO": flat}, np.linspace(0.5, 2, 4), np.linspace(-1, 1, 3))
    metrics = {name: [1.0, 2.0] for name in lives.COURSES}
    lives.life_courses(PATH, {str(number): metrics for number in range(1, 10)})
    drift, courses = drawn
    assert key(drift) == ["r = 1: the policy has not changed"]
    expected = [f"lifetime of {number} updates, mean over agents" for number in range(1, 10)]
    assert key(courses) == expected
    shades = {to_hex(line.get_color()) for line in courses.axes[0].lines}
    assert len(shades) == 9


def test_a_figure_is_written(tmp_path):
    plots.bars(tmp_path / "bars.png", {"levels": estimates(*CONTENDERS)}, "return")
    assert (tmp_path / "bars.png").read_bytes().startswith(b"\x89PNG")


def test_dollar_signs_of_names_are_no_mathematics(tmp_path):
    """As folders and worlds may be called, by which contenders and tables are."""
    name = r"LPG ($\frac$ and $a_$)"
    sets = {name: {name: Estimate(1.0, 0.5, 1.5)}}
    line = Curve([1, 2], [1, 2], [0, 1], [2, 3])
    drawings = {
        "bars.png": lambda path: plots.bars(path, sets, unit=name),
        "apart.png": lambda path: plots.bars_apart(path, sets),
        "horizons.png": lambda path: plots.horizons(path, {8: sets[name]}, (1, 2), unit=name),
        "curves.png": lambda path: plots.curves(path, Curves("all", "x", name, {name: line})),
        "learning.png": lambda path: plots.learning_curves(
            path, {name: [run_log({1: 2.0, 2: 3.0})]}, {"agent_return": name}
        ),
    }
    for file, draw in drawings.items():
        draw(tmp_path / file)
        assert (tmp_path / file).stat().st_size > 0
