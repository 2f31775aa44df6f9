"""Verdicts on evaluations whose order is known."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rlsuite.experiments.sweeping.grid import Claim, Job, Setting
from rlsuite.experiments.sweeping.results import CommonTest, Result
from rlsuite.experiments.sweeping.verdicts import judge, rows, sentence
from tests.experiments.sweeping.fabricated import evaluation, noisy, table

CLAIM = Claim("Up is above down", "up", "down")


def result(setting, seed, *tables, baselines=(), trains_apart=False):
    run = SimpleNamespace(spec=SimpleNamespace(kind="number", trains_apart=trains_apart))
    job = Job(Setting(setting, "counting", "smoke", {}), seed)
    return Result(job, run, evaluation(tables, baselines))


def one_test(up, down, names=("levels",), seeds=4, **how):
    """Settings up and down with these means on each of the tables."""
    runs = [
        result(
            setting,
            seed,
            *(
                table({"own": noisy(mean, seed=10 * seed + number)}, name, **how)
                for number, (name, mean) in enumerate(zip(names, means, strict=True))
            ),
        )
        for setting, means in (("up", up), ("down", down))
        for seed in range(seeds)
    ]
    return CommonTest(runs)


@pytest.mark.parametrize(
    ("up", "down", "outcome"),
    [(2.0, 1.0, "supported"), (1.0, 2.0, "contradicted"), (1.0, 1.0, "undecided")],
)
def test_a_claim_is_judged_by_the_order_that_was_measured(up, down, outcome):
    verdict = judge(CLAIM, [one_test([up], [down])])
    assert verdict.outcome == outcome
    (found,) = verdict.tables
    assert (found.outcome, found.table) == (outcome, "levels")
    expected = {"supported": 1.0, "contradicted": 0.0, "undecided": 0.5}[outcome]
    assert verdict.probability == found.probability
    assert verdict.probability.value == pytest.approx(expected, abs=0.02)
    assert f"Up is above down: {outcome}." in sentence(verdict)
    assert found.overlap == (outcome == "undecided")
    assert ("overlap" in sentence(verdict)) == found.overlap
    assert f"| {outcome} |" in rows(verdict)


def test_where_lower_is_better_the_lower_one_is_better():
    test = one_test([1.0], [2.0], higher_is_better=False)
    verdict = judge(CLAIM, [test])
    assert verdict.outcome == "supported" and verdict.probability.value == 1.0
    assert verdict.tables[0].better.value == pytest.approx(1.0, abs=0.05)


def test_tables_that_disagree_decide_nothing():
    verdict = judge(CLAIM, [one_test([2.0, 1.0, 2.0], [1.0, 2.0, 1.0], ("a", "b", "c"))])
    assert [one.outcome for one in verdict.tables] == ["supported", "contradicted", "supported"]
    assert verdict.outcome == "undecided"
    assert verdict.probability.value == pytest.approx(2 / 3)
    said = sentence(verdict)
    assert "supported on 2 (a, c)" in said and "contradicted on 1 (b)" in said
    assert "over all 3 tables" in said
    assert "| all together | | | |" in rows(verdict)


def test_one_table_that_says_the_contrary_keeps_the_rest_from_a_verdict():
    means = [2.0, 2.0, 2.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0, 2.0]
    verdict = judge(CLAIM, [one_test(*means, tuple("abcde"))])
    assert verdict.probability.low > 0.5 and verdict.outcome == "undecided"
    assert verdict.contrary == ["e"] and "e say the contrary" in sentence(verdict)


def test_levels_that_differ_more_than_the_two_do_hide_nothing():
    """The intervals of the means overlap, as they are of few levels; on each the order is plain."""
    levels = np.arange(8.0)[:, None] + noisy(0.0, 8)
    better = result("up", 0, table({"own": levels + 0.5}))
    worse = result("down", 0, table({"own": levels}))
    verdict = judge(CLAIM, [CommonTest([better, worse])])
    assert verdict.tables[0].overlap and verdict.outcome == "supported"
    assert "supported, for these runs alone" in sentence(verdict)


@pytest.mark.parametrize(("seeds", "speaks"), [(1, False), (3, False), (4, True)])
def test_few_runs_say_nothing_of_others_on_however_many_levels(seeds, speaks):
    """Three of three are all better in one of ten orders: too often to be told from chance."""
    verdict = judge(CLAIM, [one_test([2.0], [1.0], seeds=seeds)])
    assert verdict.outcome == "supported" and bool(verdict.few) is not speaks
    few = f"too few to say anything of other training seeds: {seeds} of up and {seeds} of down."
    assert (few in sentence(verdict)) is not speaks
    assert ("for these runs alone" in sentence(verdict)) is not speaks


def test_two_results_each_decide_nothing_however_far_apart():
    runs = [
        result(setting, 0, table({"own": [[mean, mean + 1]]}))
        for setting, mean in (("up", 100), ("down", 0))
    ]
    verdict = judge(CLAIM, [CommonTest(runs)])
    assert verdict.probability == (1, 1, 1) and verdict.outcome == "undecided"
    assert "Too few results to tell: levels." in sentence(verdict)


def test_only_tables_that_are_named_are_judged_and_those_not_tested_are_named():
    claim = CLAIM._replace(tables=("a", "nowhere"))
    verdict = judge(claim, [one_test([2.0, 1.0], [1.0, 2.0], ("a", "b"))])
    assert [one.table for one in verdict.tables] == ["a"] and verdict.outcome == "supported"
    assert verdict.untested == ["nowhere"] and "Not tested: nowhere." in sentence(verdict)


def test_a_baseline_is_judged_where_the_setting_was_tested():
    results = {"own": noisy(1.0), "none": noisy(2.0, seed=1)}
    tests = [
        CommonTest([result(name, 0, table(results), baselines=["none"])]) for name in ("up", "down")
    ]
    claim = Claim("Nothing is better", "none", "down")
    assert judge(claim, tests).outcome == "supported"
    assert len(judge(claim, tests).tables) == 1
    reverse = Claim("Down is better", "down", "none")
    assert judge(reverse, tests).outcome == "contradicted"


def test_what_was_never_tested_is_not_judged():
    verdict = judge(Claim("Sideways", "sideways", "down"), [one_test([1.0], [1.0])])
    assert verdict.outcome is None and verdict.tables == []
    assert "not judged" in sentence(verdict) and "sideways" in sentence(verdict)


def test_what_is_no_number_decides_nothing():
    test = one_test([2.0], [1.0])
    table_ = test.runs[0].evaluation.tables[0]
    broken = replace(table_, results={"own": np.full((6, 4), np.nan)})
    runs = [
        one._replace(evaluation=replace(one.evaluation, tables=[broken]))
        if one.setting == "down"
        else one
        for one in test.runs
    ]
    assert judge(CLAIM, [CommonTest(runs)]).outcome == "undecided"


@pytest.mark.parametrize("trains_apart", [False, True])
def test_agents_that_were_trained_apart_count_as_runs(trains_apart):
    results = (
        result(setting, 0, table({"own": noisy(mean, 1, 8)}), trains_apart=trains_apart)
        for setting, mean in (("up", 2.0), ("down", 1.0))
    )
    verdict = judge(CLAIM, [CommonTest(list(results))])
    assert verdict.outcome == "supported" and bool(verdict.few) is not trains_apart


def test_baselines_of_one_test_are_judged_too():
    levels = {"own": noisy(0.0, 1), "up": noisy(2.0, 1), "down": noisy(1.0, 1)}
    test = CommonTest([result("run", 0, table(levels), baselines=("up", "down"))])
    verdict = judge(CLAIM._replace(tables=("levels",)), [test])
    assert verdict.outcome == "supported" and not verdict.few
