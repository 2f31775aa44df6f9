"""Runs of players at bandits: trained, resumed, tested and drawn at the smallest sizes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import ucb1
from rlsuite.envs.bandits import SwitchStates, last_switch_bandit
from rlsuite.experiments.conformance import check_run, check_test
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.methods.bandits.common import (
    Games,
    in_parts,
    payoffs_of,
    regret_curve,
    slope,
)
from rlsuite.experiments.methods.bandits.last_switch_claims import outcome
from rlsuite.experiments.plans import plan
from tests.experiments.running import METHODS


def test_last_switch_bandits_from_training_to_the_report(tmp_path):
    check_run("lsd-bandits", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    at_run, at_named = evaluation.tables
    assert at_run.strata == ["random_monotone"] * 4 and "pinwheel_2_4_4" in at_named.strata
    shares = {name: at_named.normalised(name)[:, 0] for name in at_named.results}
    np.testing.assert_allclose(shares["optimum"], [0.9969, 1, 1, 0.875, 0.9091], atol=1e-4)
    assert shares["oracle greedy"][at_named.strata.index("greedy_trap")] < 0.2
    assert [len(curves.lines) for curves in evaluation.curves] == [2, 2, 1]
    assert sum(evaluation.extras["floor"]["monotone"]) == 8
    assert "T = 400" in evaluation.notes[-1]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"horizon": "80"}, "horizon: 80 is not allowed; it must be at least 81"),
        ({"num_repeats": "5"}, "horizon: 400 is not allowed; it must be at least 405"),
        ({"evaluation.horizons": "90,80"}, "evaluation.horizons: 80 is not allowed; it must be at"),
        ({"instances": "trio"}, "instances: 'trio' is not allowed"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_line(texts, message):
    with pytest.raises(ConfigError) as caught:
        plan(METHODS, "lsd-bandits", "smoke", texts)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_bandits_have_no_world():
    with pytest.raises(ConfigError, match="tasks: a world is not allowed; 'lsd-bandits' has none"):
        plan(METHODS, "lsd-bandits", "smoke", {}, tasks="CartPole-v1")


def test_regrets_are_sums_of_what_payoffs_lack():
    payoffs = np.random.default_rng(0).random((50, 3, 2))
    benchmark = np.array([0.5, 0.6, 0.7])
    line = regret_curve(payoffs, benchmark, rounds_per_block=10)
    total = (benchmark[:, None] - payoffs).sum(axis=0) * 10
    assert line.x[-1] == 500 and line.x[0] == 10
    # Of six values, the middle half.
    assert line.value[-1] == pytest.approx(np.sort(total.ravel())[1:-1].mean())
    assert all(low <= value <= high for _, value, low, high in zip(*line, strict=True))


def test_games_at_several_instances():
    instances = jnp.stack([jnp.full((2, 3), 0.1), jnp.full((2, 3), 0.9)])
    bandit = last_switch_bandit(2, SwitchStates(1, 2))
    paid = payoffs_of(bandit, ucb1(2), instances, Games(jax.random.key(0), 3, 4, 5))
    assert paid.shape == (4, 2, 3)
    np.testing.assert_allclose(paid, np.broadcast_to([[[0.1], [0.9]]], paid.shape), rtol=1e-6)


def test_a_slope_is_the_exponent_of_a_power():
    x = np.array([10.0, 100.0, 1000.0])
    noise = np.random.default_rng(0).normal(0, 0.01, (3, 400))
    value, low, high = slope(x, (x[:, None] ** -0.5) * (1 + noise))
    assert low < -0.5 < high and value == pytest.approx(-0.5, abs=0.01)
    assert np.isnan(slope(x, -np.ones((3, 4)))).all()


def test_parts_are_put_together():
    found = in_parts(lambda part: np.asarray(part) * 2, jnp.arange(7), size=3)
    assert found.tolist() == [0, 2, 4, 6, 8, 10, 12]


def test_a_steady_arm_gets_all_of_its_relaxation():
    payoffs = jnp.full((1, 3), 0.4)
    found = jax.jit(lambda key: outcome(SwitchStates(1, 2), key, payoffs, 2, 20))(jax.random.key(0))
    assert float(found.share) == pytest.approx(1.0) and found.shortfall == 0


def test_weighted_tallying_bandits_from_training_to_the_report(tmp_path):
    check_run("weighted-tallying-bandits", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    assert [table.name for table in evaluation.tables] == ["decoy, memory 3", "decoy, no memory"]
    assert not any(table.higher_is_better for table in evaluation.tables)
    losses = {name: found.mean() for name, found in evaluation.tables[0].results.items()}
    assert losses["best action repeated"] == pytest.approx(0.1, abs=0.01)
    regrets, *others = evaluation.curves
    assert len(regrets.lines) == 3 and [len(curves.lines) for curves in others] == [1, 1, 1]
    assert sum("best sequence 0.100" in note for note in evaluation.notes) == 1


def test_alternating_bandits_are_refused_in_a_line_with_another_memory():
    texts = {"instances": "alternating"}
    with pytest.raises(ConfigError, match="memory: 3 is not allowed; it must be 2 where"):
        plan(METHODS, "weighted-tallying-bandits", "smoke", texts)
    assert plan(METHODS, "weighted-tallying-bandits", "smoke", {**texts, "memory": "2"})
