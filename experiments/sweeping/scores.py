"""The raw scores of a sweep as a table of Parquet, a row for each result."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rlsuite.experiments.files import replacing
from rlsuite.experiments.sweeping.results import CommonTest, Result

FILE = "scores.parquet"
SCHEMA = pa.schema(
    [
        ("test", pa.int32()),
        ("setting", pa.string()),
        ("role", pa.string()),
        ("training_seed", pa.int64()),
        ("step", pa.int64()),
        ("table", pa.string()),
        ("horizon", pa.int64()),
        ("level", pa.int32()),
        ("stratum", pa.string()),
        ("agent_seed", pa.int32()),
        ("score", pa.float64()),
        ("normalised_score", pa.float64()),
        ("unit", pa.string()),
        ("higher_is_better", pa.bool_()),
    ]
)
"""Columns. What was tested alike has one number in `test`; `role` is `own` or `baseline`, and a
baseline has no `training_seed`; `horizon` and `normalised_score` are null where there is none."""


def write_scores(path: Path, tests: Sequence[CommonTest]) -> None:
    """Writes all scores into a file.

    Raises:
      UserError: if it can't be written.
    """
    batches = [
        pa.RecordBatch.from_pylist(list(rows), schema=SCHEMA)
        for number, test in enumerate(tests)
        for rows in _parts(number, test)
    ]
    with replacing(path) as temporary:
        pq.write_table(pa.Table.from_batches(batches, SCHEMA), temporary, compression="zstd")


def _parts(number: int, test: CommonTest) -> Iterator[Iterator[dict[str, Any]]]:
    """Rows of each run and, once for a test, of baselines."""
    seen: set[tuple[str, str]] = set()
    for run in test.runs:
        own = {"setting": run.setting, "role": "own", "training_seed": run.job.seed}
        yield _rows(number, run, run.evaluation.own, own)
        for name in test.baselines:
            new = {
                table.name
                for table in run.evaluation.tables
                if name in table.results and (name, table.name) not in seen
            }
            seen |= {(name, table) for table in new}
            baseline = {"setting": name, "role": "baseline", "training_seed": None}
            yield _rows(number, run, name, baseline, new)


def _rows(
    number: int, run: Result, contender: str, who: dict[str, Any], only: set[str] | None = None
) -> Iterator[dict[str, Any]]:
    for table in run.evaluation.tables:
        if contender not in table.results or (only is not None and table.name not in only):
            continue
        scores, normalised = table.results[contender], table.normalised(contender)
        for level, stratum in enumerate(table.strata):
            for seed, score in enumerate(scores[level]):
                yield {
                    **who,
                    "test": number,
                    "step": run.evaluation.step,
                    "table": table.name,
                    "horizon": table.horizon,
                    "level": level,
                    "stratum": stratum,
                    "agent_seed": seed,
                    "score": float(score),
                    "normalised_score": (
                        None if table.optimal is None else float(normalised[level, seed])
                    ),
                    "unit": table.unit,
                    "higher_is_better": table.higher_is_better,
                }
