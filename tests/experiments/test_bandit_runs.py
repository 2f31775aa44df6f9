"""Runs of players at bandits: trained, resumed, tested and drawn at the smallest sizes."""

import math
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.bandits import successive_elimination, ucb1
from rlsuite.envs.bandits import (
    SwitchStates,
    TallyingInstance,
    decoy_losses,
    flat_weights,
    last_switch_bandit,
    noiseless,
    shuffled_actions,
    tallying_bandit,
)
from rlsuite.experiments.amending import tested_with as set_otherwise
from rlsuite.experiments.conformance import check_run, check_test
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.methods.bandits.common import (
    Games,
    check_horizon,
    in_parts,
    payoffs_of,
    regret_curve,
    slope,
    whole_course,
)
from rlsuite.experiments.methods.bandits.last_switch_claims import first_counted, outcome
from rlsuite.experiments.methods.bandits.last_switch_players import learner
from rlsuite.experiments.methods.bandits.last_switch_test import horizon_at_named
from rlsuite.experiments.methods.bandits.tallying_claims import (
    blocks_of_each,
    drawn,
    eliminated,
    rise,
    shown_losses,
    strip,
)
from rlsuite.experiments.methods.bandits.tallying_gaps import (
    EVEN,
    gap,
    gap_losses,
    unit,
)
from rlsuite.experiments.methods.bandits.tallying_test import check_alike, regret_rows
from rlsuite.experiments.plans import plan
from rlsuite.experiments.specs import Watch
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, exploration
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    weighted_tallying_bandits,
)
from tests.experiments.running import METHODS, plan_of

SILENT = Watch(lambda description: lambda: None)


def test_last_switch_bandits_from_training_to_the_report(tmp_path):
    check_run("lsd-bandits", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    at_run, at_named = evaluation.tables
    assert at_run.strata == ["random_monotone"] * 4 and "pinwheel_2_4_4" in at_named.strata
    shares = {name: at_named.normalised(name)[:, 0] for name in at_named.results}
    assert evaluation.extras["named"][0][1:] == list(at_named.strata)
    np.testing.assert_allclose(shares["optimum"], [0.9969, 1, 1, 0.875, 0.9091], atol=1e-4)
    assert shares["oracle greedy"][at_named.strata.index("greedy_trap")] < 0.2
    assert [len(curves.lines) for curves in evaluation.curves] == [2, 2, 1]
    assert sum(evaluation.extras["floor"]["monotone"]) == 8
    assert "T = 400" in evaluation.notes[-1] and "ISI-CombUCB1" in evaluation.notes[-2]
    assert "best average is 0.5067" in evaluation.notes[-3]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"horizon": "80"}, "horizon: 80 is not allowed; it must be at least 81"),
        ({"num_repeats": "5"}, "horizon: 400 is not allowed; it must be at least 405"),
        ({"evaluation.horizons": "90,80"}, "evaluation.horizons: 80 is not allowed; it must be at"),
        ({"instances": "trio"}, "instances: 'trio' is not allowed"),
        (
            {"num_repeats": "14", "horizon": "4000", "evaluation.horizons": "4000"},
            "num_repeats: 14 is not allowed; it must be at most 13, or evaluation.planned",
        ),
        ({"evaluation.num_rounds": "27"}, "num_rounds: 27 is not allowed; it must be at least 28"),
        (
            {"num_rests": "40", "horizon": "100000", "evaluation.horizons": "100000"},
            "and num_rests 40",
        ),
        ({"horizon": "9973"}, "horizon: 9973 is not allowed; above 1000 it must be a multiple of"),
        ({"evaluation.horizons": ""}, "evaluation.horizons: () is not allowed; it must be at"),
        ({"evaluation.horizons": "900,900"}, "a list that names each value once"),
    ],
)
def test_what_cannot_be_learned_is_refused_in_a_line(texts, message):
    with pytest.raises(ConfigError) as caught:
        plan(METHODS, "lsd-bandits", "smoke", texts)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("method", "short", "wrong", "others"),
    [
        (
            "lsd-bandits",
            {"num_rounds": 27},
            "evaluation.num_rounds: 27 is not allowed; it must be at least 28",
            {"evaluation.horizons": "80"},
        ),
        (
            "weighted-tallying-bandits",
            {"horizons": (50,)},
            "evaluation.horizons: 50 is not allowed; it must be at least 79",
            {"evaluation.horizons": "60"},
        ),
    ],
)
def test_games_too_short_are_refused_by_a_test_and_not_by_a_report(
    tmp_path, method, short, wrong, others
):
    evaluation = replace(plan_of(method).run.evaluation, **short)
    create_run(tmp_path / "run", plan_of(method, evaluation=evaluation).describe())
    run = open_run(tmp_path / "run")
    assert run.experiment.method
    with pytest.raises(ConfigError, match=wrong):
        run.spec.test(run, (), SILENT)
    with pytest.raises(ConfigError, match=r"evaluation\.horizons: [68]0 is not allowed"):
        set_otherwise(run, others)
    assert set_otherwise(run, {"evaluation.horizons": "4000"}).run.evaluation.horizons == (4000,)


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


def test_repeats_of_exploration_are_those_of_the_run():
    """In tests at other horizons and bandits too; before it has committed itself it idles."""
    config = LSDBanditsConfig(num_repeats=2)
    _, player = learner(3, config.states, 4000, config.num_repeats)
    rounds = exploration(3, config.states, 4000, 2).num_rounds
    state = player.init(jax.random.key(0), jnp.zeros((3, 7)))
    last, after = (player.act(jax.random.key(0), state, jnp.int32(rounds - i)) for i in (1, 0))
    assert (int(last), int(after)) == (2, 3)
    named = exploration(3, SwitchStates(3, 11), 10**6, 2).num_rounds
    assert horizon_at_named(replace(config, horizon=400)) == 100 * math.ceil(3 * named / 100)
    assert horizon_at_named(replace(config, horizon=10**5)) == 10**5


def test_a_steady_arm_gets_all_of_its_relaxation():
    payoffs = jnp.full((1, 3), 0.4)
    found = jax.jit(lambda key: outcome(SwitchStates(1, 2), key, payoffs, 2, 20))(jax.random.key(0))
    np.testing.assert_allclose(found.payoffs, [0.4, 0.4], rtol=1e-6)
    assert (found.shortfalls == 0).all()


def test_rounds_before_every_cycle_has_begun_do_not_count():
    assert first_counted(SwitchStates(3, 4), 420) == 210
    assert first_counted(SwitchStates(1, 8), 12) == 9


def test_runs_at_other_bandits_or_of_other_rounds_are_no_rivals():
    config = WeightedTallyingBanditsConfig(horizon=400, num_agents=2, rounds_per_step=10)
    start = jax.jit(lambda key: weighted_tallying_bandits(config).init(key))
    state = start(jax.random.key(0))
    check_alike("rival", state, state, 2)
    instance = state.games.instance
    weights = instance._replace(weights=instance.weights.at[:, -1].set(0.5))
    for other in (weights, start(jax.random.key(1)).games.instance):
        rival = state._replace(games=state.games._replace(instance=other))
        with pytest.raises(UserError, match="'rival' was at other bandits"):
            check_alike("rival", rival, state, 2)
    with pytest.raises(UserError, match="'rival' has played 10 rounds; it must be 0"):
        check_alike("rival", state._replace(round=jnp.int32(10)), state, 2)


def test_plays_for_a_picture_are_those_of_the_runs_own_bandit():
    """At two actions that no one else's bandit has; of each block the first rounds are burn-in."""
    config = WeightedTallyingBanditsConfig("alternating", memory=2, burn_in=2, horizon=400)
    found = strip(config, drawn(config, 1), SILENT)
    assert set(found["actions"]) == {0, 1} and len(shown_losses(drawn(config, 1))) == 2
    first = 2 + math.ceil(math.log(2 * 2 * 400))
    assert found["is_burn_in"][: 2 * first] == 2 * ([True] * 2 + [False] * (first - 2))


def test_a_round_of_burn_in_costs_what_blocks_of_each_action_say():
    """Where nothing is drawn at random, to the last digit."""
    losses = np.asarray(decoy_losses(), np.float64)
    assert blocks_of_each(losses).tolist() == [5, 5, 3, 4, 3]
    instances = jax.tree.map(
        lambda leaf: leaf[None], TallyingInstance(decoy_losses(), flat_weights(5))
    )
    games, bandit = whole_course(jax.random.key(0), 1, 20_000), tallying_bandit(5, 5, noiseless)
    totals = [
        payoffs_of(bandit, successive_elimination(5, 20_000, burn_in), instances, games).mean()
        for burn_in in (10, 15)
    ]
    rise = (totals[0] - totals[1]) * 20_000 / 5
    assert rise == pytest.approx(blocks_of_each(losses) @ (losses[:, -1] - 0.1), abs=0.02)


@pytest.mark.parametrize("horizon", [1, 19, 150, 199, 400, 991, 999, 1000, 3300, 20_000, 10**6])
def test_games_have_all_rounds_of_their_horizon(horizon):
    games = whole_course(jax.random.key(0), 1, horizon)
    assert games.num_rounds == horizon and games.num_blocks >= min(horizon, 20)
    check_horizon("horizon", horizon)


@pytest.mark.parametrize("field", ["horizons", "burn_ins", "memories"])
def test_tests_without_anything_to_vary_are_refused(field):
    with pytest.raises(ConfigError, match=rf"evaluation\.{field}: \(\) is not allowed"):
        plan(METHODS, "weighted-tallying-bandits", "smoke", {f"evaluation.{field}": ""})


def test_one_value_tells_no_rise():
    """Nor does one that is given twice."""
    regrets = np.array([[10.0, 20.0], [30.0, 40.0]])
    assert rise([1, 3], regrets) == (10, 10, 10)
    assert rise([3], regrets[:1]) is None and rise([3, 3], regrets) is None


def test_regrets_have_a_row_for_each_player():
    """Of a rival, which has no fresh games, what its own tell."""
    losses = {"own": np.array([[0.3], [0.5]]), "rival": np.array([[0.2], [0.2]])}
    least = {"with": np.full(2, 0.1), "without": np.full(2, 0.2)}
    without, courses = {"own": np.full((2, 1), 0.3)}, {"own": np.full((10, 2, 1), 0.7)}
    own, rival = regret_rows(losses, without, courses, least, {"own": 100, "rival": 100}, 50)
    assert own[2:] == ["20 … 40", "0.200 [0.200, 0.200]", "5 [5, 5]"]
    assert rival == ["rival", "10 [10, 10]", "10 … 10", "–", "–"]


def test_gaps_as_small_as_the_horizon_drop_nothing():
    """So that regret is that of who plays all actions as often."""
    size = gap(1, 2000)
    keys = jax.random.split(jax.random.key(0), 8)
    losses = jax.vmap(lambda key: shuffled_actions(key, gap_losses(size)))(keys)
    found = eliminated(TallyingInstance(losses, jnp.ones((8, 5))), 5, 2000)
    assert not found.lost_the_best.any()
    assert found.regret.mean() / unit(2000) == pytest.approx(0.8, abs=0.1)


def test_weighted_tallying_bandits_from_training_to_the_report(tmp_path):
    check_run("weighted-tallying-bandits", tmp_path / "run")
    check_test(tmp_path / "run")
    evaluation = open_run(tmp_path / "run").evaluation
    assert [table.name for table in evaluation.tables] == [
        "decoy, flat weights, memory 3",
        "decoy, no memory",
    ]
    assert not any(table.higher_is_better for table in evaluation.tables)
    losses = {name: found.mean() for name, found in evaluation.tables[0].results.items()}
    assert losses["best action repeated"] == pytest.approx(0.1, abs=0.01)
    regrets, *others = evaluation.curves
    assert len(regrets.lines) == 3 and [len(curves.lines) for curves in others] == [2, 2, 2]
    assert sum("best sequence 0.100" in note for note in evaluation.notes) == 1
    # Of one memory alone.
    assert "One memory tells no slope." in evaluation.notes
    extras = evaluation.extras
    assert [row[0] for row in extras["regrets"]] == list(regrets.lines)
    assert [row[0] for row in extras["gaps"]] == ["T = 400", "T = 800", EVEN]
    assert [row[0] for row in extras["weights"]][::3] == ["decoy, flat", "random, flat"]


def test_horizons_that_leave_no_gap_are_refused_in_a_line():
    message = r"evaluation\.horizons: 50 is not allowed; it must be at least 79, or"
    with pytest.raises(ConfigError, match=message):
        plan(METHODS, "weighted-tallying-bandits", "smoke", {"evaluation.horizons": "1000,50"})
    plan(METHODS, "weighted-tallying-bandits", "smoke", {"evaluation.horizons": "79"})
    assert gap(1, 79) <= 0.65 < gap(1, 78)


def test_alternating_bandits_are_refused_in_a_line_with_another_memory():
    texts = {"instances": "alternating"}
    with pytest.raises(ConfigError, match="memory: 3 is not allowed; it must be 2 where"):
        plan(METHODS, "weighted-tallying-bandits", "smoke", texts)
    assert plan(METHODS, "weighted-tallying-bandits", "smoke", {**texts, "memory": "2"})
