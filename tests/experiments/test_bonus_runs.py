"""Bonuses from the command to the report."""

import numpy as np
import pytest

from rlsuite.experiments.cli import main
from rlsuite.experiments.evaluate import evaluate
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.methods.exploration.spread import (
    Point,
    correlation_with_spread,
    draw,
    points,
)
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.report import report
from rlsuite.lifetime import LifeConfig
from tests.experiments.running import plan_of, train


def test_bonuses_side_by_side_have_a_table_for_each_number_of_maps(tmp_path, quiet):
    """From training to the report. The test of one bonus alone is that of the conformance test."""
    planned = plan_of(
        "bonuses",
        tasks="multi_room",
        steps=3,
        parts={
            "networks": {"hidden_widths": (8,)},
            "ppo": {"num_epochs": 1, "num_mini_batches": 1},
            "life": LifeConfig(4, 8),
            "num_agents": 2,
            "num_episodes": 2,
            "beside": ("none",),
            "contexts": (1, 3),
        },
    )
    planned.world_parameters.update(num_contexts=3, max_steps_in_episode=20, view_radius=1)
    finished = train(planned, tmp_path / "run")
    agents = finished.state.slots.agent
    assert agents.learner.bonus.which.tolist() == [0, 0, 1, 1] * 2
    assert (agents.learner.bonus.parts["counts"].sum(axis=1) == 3 * 4 * 8).all()
    maps = agents.task.level.maps.cells
    assert (maps[:4] == maps[:4, :1]).all() and (maps[4:, 0] != maps[4:, 1]).any()
    found = evaluate(finished, console=quiet)
    assert [table.name for table in found.tables] == ["multi_room, 1 map", "multi_room, 3 maps"]
    for table in found.tables:
        assert set(table.results) == {"product", "no bonus", "random policy"}
        assert all(results.shape == (1, 2) for results in table.results.values())
        # Within so few steps not every goal can be reached.
        assert 0 < table.optimal[0] <= 1 and table.shown_unit == "fraction of the optimal return"
    told = found.extras["contexts"]
    assert told["multi_room, 1 map"] == {"where": "multi_room", "maps": 1, "spread": 0.0}
    assert told["multi_room, 3 maps"]["spread"] > 0
    text = report(open_run(finished.directory)).read_text()
    assert "contexts.png" in text and "visits.png" in text and "S = 0." in text
    assert (finished.directory / "visits.png").stat().st_size > 5000
    known = points([open_run(finished.directory).evaluation])
    assert [(point.bonus, point.returns.size) for point in known] == [
        ("product", 2),
        ("no bonus", 2),
    ] * 2
    assert [point.spread for point in known[::2]] == [told[name]["spread"] for name in told]


def test_success_is_set_against_the_spread_of_values(tmp_path):
    random = np.random.default_rng(0)
    falling = [
        Point("a world", "global", s, random.normal(1 - s, 0.01, 8)) for s in np.linspace(0, 1, 9)
    ]
    value, low, high = correlation_with_spread(falling)
    assert value == -1 and low == pytest.approx(-1, abs=0.05) and high <= -0.9
    level = [point._replace(bonus="none", returns=np.zeros(8)) for point in falling]
    assert correlation_with_spread(level) == (0, 0, 0)
    with pytest.raises(ValueError, match="found: 1 is not allowed"):
        correlation_with_spread(falling[:1])
    draw(tmp_path / "spread.png", [*falling, *level])
    assert (tmp_path / "spread.png").stat().st_size > 5000


def test_corridors_pay_where_the_level_says():
    world = find_world("corridors", {"num_corridors": "3"})
    assert world.world.num_actions == 3
    assert world.optimal_return(world.world.default_params) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--tasks.side", "12"], "tasks.side: 12 is not allowed"),
        (["--tasks.num_room", "2"], "tasks: unknown parameter 'num_room'"),
        (["--bonus.cells", "message"], "bonus.cells: 'message' is not allowed"),
        (["--contexts", "3", "--tasks.num_contexts", "2"], "contexts: 3 is not allowed"),
        (["--tasks", "corridors", "--contexts", "3"], "contexts: they are not allowed"),
        (["--beside", "none,none"], "beside: none is not allowed"),
        (["--bonus.fitting.num_mini_batches", "3"], "bonus.fitting.num_mini_batches: 3 is"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(options, message, capsys, tmp_path):
    out = ["--out", str(tmp_path / "run")]
    world = [] if "--tasks" in options else ["--tasks", "multi_room"]
    assert main(["train", "bonuses", "smoke", *world, *options, *out]) == 2
    assert message in capsys.readouterr().err


def test_any_world_has_cells():
    experiment = plan_of("bonuses", tasks="CartPole-v1").experiment
    assert experiment.world_steps_per_step == 2 * 8 * 64
