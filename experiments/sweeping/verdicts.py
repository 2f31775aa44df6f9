"""What the measured numbers say of a claim: supported, contradicted, or neither."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from rlsuite.experiments.evaluation import Table
from rlsuite.experiments.statistics import (
    Estimate,
    can_tell,
    can_tell_of_other_runs,
    probability_of_improvement,
)
from rlsuite.experiments.sweeping.grid import Claim
from rlsuite.experiments.sweeping.results import CommonTest, numbered
from rlsuite.experiments.words import table_in_markdown

Outcome = Literal["supported", "contradicted", "undecided"]

HOW = """\
The probability of improvement is that a result of the one is better than a result of the other on
the same level (Mann and Whitney's, ties counted half, averaged over levels), with its 95 %
stratified bootstrap interval over runs, levels and seeds; all tables have the same weight in the
mean over them. On a table a claim is *supported* if that interval lies wholly above one half,
*contradicted* if it lies wholly below, and *undecided* if one half is in it, or if results are so
few that an exact test of ranks could not tell the two apart whatever they were. As a whole it is so
by the probability over all its tables, unless one of them says the contrary: then it is undecided.
It is so *for these runs alone* if they are so few that an exact test of ranks over runs could not
tell the two apart: four of each can be told apart, and six from a baseline, which has none.
The intervals of the interquartile means overlap more easily, as most of their width is between
levels, which are the same for both."""


class OnTable(NamedTuple):
    """A claim beside the numbers of one table."""

    table: str
    better: Estimate
    than: Estimate
    probability: Estimate
    is_enough: bool

    @property
    def outcome(self) -> Outcome:
        """By the probability of improvement, if there are results enough to tell."""
        return _outcome(self.probability) if self.is_enough else "undecided"

    @property
    def overlap(self) -> bool:
        """Whether the intervals of the two interquartile means do."""
        return not (self.better.low > self.than.high or self.than.low > self.better.high)


class Verdict(NamedTuple):
    """A claim beside all numbers that there are for it.

    Attributes:
      claim: what is judged.
      tables: table by table.
      probability: of improvement over all of them; none without a table.
      untested: tables that the claim names and no test has of both.
      few: runs by setting, if they are too few to speak of other runs.
    """

    claim: Claim
    tables: Sequence[OnTable]
    probability: Estimate | None
    untested: Sequence[str]
    few: Mapping[str, int]

    @property
    def outcome(self) -> Outcome | None:
        """Of the claim as a whole; none if there is nothing to judge it by."""
        if self.probability is None:
            return None
        can_be_told = any(one.is_enough for one in self.tables) and not self.contrary
        return _outcome(self.probability) if can_be_told else "undecided"

    @property
    def contrary(self) -> list[str]:
        """Tables that say the contrary of all of them together."""
        outcome = None if self.probability is None else _outcome(self.probability)
        contrary = {"supported": "contradicted", "contradicted": "supported"}.get(outcome or "")
        return [one.table for one in self.tables if one.outcome == contrary]


class _Pair(NamedTuple):
    """The results of both on a table, signed so that higher ones are better."""

    name: str
    test: CommonTest
    table: Table
    results: tuple[np.ndarray, np.ndarray, Int[np.ndarray, " level"]]


def judge(claim: Claim, tests: Sequence[CommonTest]) -> Verdict:
    """Judges a claim by all tests that have both that it speaks of."""
    pairs = list(_pairs(claim, tests))
    known = {pair.table.name for pair in pairs}
    return Verdict(
        claim,
        [_on_table(claim, pair) for pair in pairs],
        probability_of_improvement([pair.results for pair in pairs]) if pairs else None,
        [name for name in claim.tables if name not in known],
        _few_runs(claim, pairs),
    )


def _few_runs(claim: Claim, pairs: Sequence[_Pair]) -> dict[str, int]:
    """Runs by setting, as many as there are on every table, if those are too few for others."""
    runs = {
        name: min((pair.test.num_trained(name, pair.name) for pair in pairs), default=0)
        for name in (claim.better, claim.than)
    }
    if can_tell_of_other_runs(*runs.values()):
        return {}
    return {name: number for name, number in runs.items() if number}


def _pairs(claim: Claim, tests: Sequence[CommonTest]) -> Iterator[_Pair]:
    both = {claim.better, claim.than}
    of_baselines = not any(both & set(test.settings) for test in tests)
    for test in tests:
        if not (of_baselines or both & set(test.settings)):
            continue
        for table in test.tables:
            if claim.tables and table.name not in claim.tables:
                continue
            first, second = (test.results(table, name) for name in (claim.better, claim.than))
            if first is not None and second is not None:
                sign = 1.0 if table.higher_is_better else -1.0
                results = sign * first, sign * second, numbered(table.strata)
                yield _Pair(table.name, test, table, results)


def _on_table(claim: Claim, pair: _Pair) -> OnTable:
    estimates = pair.test.estimates[pair.table.name]
    better, than = estimates[claim.better], estimates[claim.than]
    return OnTable(
        pair.name,
        better,
        than,
        probability_of_improvement([pair.results]),
        can_tell(pair.results[0].shape, pair.results[1].shape),
    )


def _outcome(probability: Estimate) -> Outcome:
    if probability.low > 0.5:
        return "supported"
    return "contradicted" if probability.high < 0.5 else "undecided"


def sentence(verdict: Verdict) -> str:
    """A verdict in words."""
    claim, outcome = verdict.claim, verdict.outcome
    if outcome is None or verdict.probability is None:
        return (
            f"**{claim.text}: not judged.** No test has results of both {claim.better} and "
            f"{claim.than} yet."
        )
    parts = [
        f"**{claim.text}: {outcome}{', for these runs alone' if verdict.few else ''}.**",
        f"{_tally(verdict)}.",
        f"The probability that {claim.better} improves on {claim.than} is {verdict.probability}"
        f"{_over(verdict)}.",
    ]
    if verdict.contrary:
        parts.append(f"{', '.join(verdict.contrary)} say the contrary of that.")
    few = [one.table for one in verdict.tables if not one.is_enough]
    if few:
        parts.append(f"Too few results to tell: {', '.join(few)}.")
    if verdict.few:
        runs = " and ".join(f"{number} of {name}" for name, number in verdict.few.items())
        parts.append(f"Runs are too few to say anything of other training seeds: {runs}.")
    if verdict.untested:
        parts.append(f"Not tested: {', '.join(verdict.untested)}.")
    return " ".join(parts)


def _over(verdict: Verdict) -> str:
    count = len(verdict.tables)
    return f" over all {count} tables" if count > 1 else ""


def _tally(verdict: Verdict) -> str:
    """On which tables what was found, and the numbers where there is one table alone."""
    if len(verdict.tables) == 1:
        (one,) = verdict.tables
        intervals = "intervals that overlap" if one.overlap else "intervals apart from each other"
        return (
            f"On {one.table} {verdict.claim.better} comes to {one.better} and {verdict.claim.than} "
            f"to {one.than}, {intervals}"
        )
    said = []
    for outcome in ("supported", "contradicted", "undecided"):
        names = [one.table for one in verdict.tables if one.outcome == outcome]
        if names:
            said.append(f"{outcome} on {len(names)} ({', '.join(names)})")
    return f"Of {len(verdict.tables)} tables it is {'; '.join(said)}"


def rows(verdict: Verdict) -> str:
    """The numbers behind a verdict as a table in Markdown."""
    claim = verdict.claim
    header = ["", claim.better, claim.than, "intervals", "probability of improvement", ""]
    lines = [
        [
            *(one.table, str(one.better), str(one.than), "overlap" if one.overlap else "apart"),
            *(str(one.probability), one.outcome),
        ]
        for one in verdict.tables
    ]
    if len(verdict.tables) > 1:
        lines.append(["all together", "", "", "", str(verdict.probability), str(verdict.outcome)])
    return table_in_markdown(header, lines)
