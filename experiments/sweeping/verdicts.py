"""What the measured numbers say of a claim: supported, contradicted, or neither."""

from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Int

from rlsuite.experiments.evaluation import Table
from rlsuite.experiments.statistics import Estimate, probability_of_improvement
from rlsuite.experiments.sweeping.grid import Claim
from rlsuite.experiments.sweeping.results import CommonTest, numbered

Outcome = Literal["supported", "contradicted", "undecided"]

HOW = """\
On a table a claim is *supported* if the interval of the one interquartile mean lies wholly on the
better side of the other's, *contradicted* if it lies wholly on the worse side, and *undecided* if
the two overlap. It is so as a whole if it is on some table and on none the other way round, and if
the probability of improvement over all its tables together is on the same side of one half with its
whole interval. That is the probability that a result of the one is better than one of the other on
the same level (Mann and Whitney's, ties counted half, averaged over levels), with its 95 %
stratified bootstrap interval; all tables have the same weight in the mean over them."""


class OnTable(NamedTuple):
    """A claim beside the numbers of one table."""

    table: str
    outcome: Outcome
    better: Estimate
    than: Estimate
    probability: Estimate


class Verdict(NamedTuple):
    """A claim beside all numbers that there are for it.

    Attributes:
      claim: what is judged.
      tables: table by table.
      probability: of improvement over all of them; none without a table.
      untested: tables that the claim names and no test has of both.
    """

    claim: Claim
    tables: Sequence[OnTable]
    probability: Estimate | None
    untested: Sequence[str]

    @property
    def outcome(self) -> Outcome | None:
        """Of the claim as a whole; none if there is nothing to judge it by."""
        if self.probability is None:
            return None
        found = {one.outcome for one in self.tables}
        if "supported" in found and "contradicted" not in found and self.probability.low > 0.5:
            return "supported"
        if "contradicted" in found and "supported" not in found and self.probability.high < 0.5:
            return "contradicted"
        return "undecided"


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
    )


def _pairs(claim: Claim, tests: Sequence[CommonTest]) -> Iterator[_Pair]:
    for test in tests:
        if not {claim.better, claim.than} & set(test.settings):
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
        _outcome(better, than, higher_is_better=pair.table.higher_is_better),
        better,
        than,
        probability_of_improvement([pair.results]),
    )


def _outcome(better: Estimate, than: Estimate, *, higher_is_better: bool) -> Outcome:
    above, below = better.low > than.high, better.high < than.low
    if not higher_is_better:
        above, below = below, above
    return "supported" if above else "contradicted" if below else "undecided"


def sentence(verdict: Verdict) -> str:
    """A verdict in words."""
    claim, outcome = verdict.claim, verdict.outcome
    if outcome is None or verdict.probability is None:
        return (
            f"**{claim.text}: not judged.** No test has results of both {claim.better} and "
            f"{claim.than} yet."
        )
    parts = [
        f"**{claim.text}: {outcome}.**",
        f"{_tally(verdict)}.",
        f"The probability that {claim.better} improves on {claim.than} is {verdict.probability}"
        f"{_over(verdict)}.",
    ]
    if outcome == "undecided" and not verdict.probability.low <= 0.5 <= verdict.probability.high:
        parts.append(
            "That interval leaves one half out, though the verdict does not follow from it."
        )
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
        overlap = ", intervals that overlap" if one.outcome == "undecided" else ""
        return (
            f"On {one.table} {verdict.claim.better} comes to {one.better} and {verdict.claim.than} "
            f"to {one.than}{overlap}"
        )
    said = []
    for outcome in ("supported", "contradicted", "undecided"):
        names = [one.table for one in verdict.tables if one.outcome == outcome]
        if names:
            why = ", where the intervals overlap" if outcome == "undecided" else ""
            said.append(f"{outcome} on {len(names)} ({', '.join(names)}){why}")
    return f"Of {len(verdict.tables)} tables it is {'; '.join(said)}"


def rows(verdict: Verdict) -> str:
    """The numbers behind a verdict as a table in Markdown."""
    claim = verdict.claim
    header = f"| | {claim.better} | {claim.than} | probability of improvement | |"
    lines = [
        f"| {one.table} | {one.better} | {one.than} | {one.probability} | {one.outcome} |"
        for one in verdict.tables
    ]
    if len(verdict.tables) > 1:
        lines.append(f"| all together | | | {verdict.probability} | {verdict.outcome} |")
    return "\n".join([header, "|---|---|---|---|---|", *lines])
