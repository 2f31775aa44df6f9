"""A sweep whose runs are those of a method that counts, with evaluations that were made up."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from rich.console import Console

from rlsuite.experiments.evaluation import EVALUATION, Contender, Evaluation, Table, to_json
from rlsuite.experiments.files import sealed, write_text
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.runner import run
from rlsuite.experiments.specs import Experiment, MethodSpec, Run
from rlsuite.experiments.sweeping.folder import run_folder, write_sweep
from rlsuite.experiments.sweeping.grid import Claim, Setting, Sweep, jobs, plan_of
from rlsuite.method import Method
from rlsuite.ranges import Count

STEPS = 6


@dataclass(frozen=True)
class CountingConfig:
    """What counting is made of.

    Attributes:
      stride: what is added.
    """

    stride: Count = 1


@dataclass(frozen=True)
class CountingEvaluation:
    """How counting is tested.

    Attributes:
      num_seeds: of each level.
    """

    num_seeds: Count = 4


def _build(config, world):
    def step(state):
        return state + config.method.stride, {"count": state, "count_loss": 10.0 - state}

    return Experiment(Method(lambda key: jnp.float32(0), step), 1, 0, ("count",), watched=())


COUNTING = MethodSpec(
    name="counting",
    kind="number",
    summary="counts",
    paper=None,
    presets={
        "smoke": lambda world: Run(
            steps=STEPS,
            tasks=None,
            log_every=1,
            checkpoint_every=3,
            method=CountingConfig(),
            evaluation=CountingEvaluation(),
        )
    },
    build=_build,
    test=lambda finished, rivals, watch: evaluation({}),
    learned=lambda state: state,
    panels={"count": "count", "count_loss": "what is left to count"},
)
METHODS = Methods([COUNTING])


def table(results, name="levels", optimal=None, **how):
    """A table of results by contender, a row for each level."""
    num_levels = len(next(iter(results.values())))
    return Table(
        name=name,
        unit=how.pop("unit", "return"),
        results={who: np.asarray(found, float) for who, found in results.items()},
        strata=how.pop("strata", ["one"] * num_levels),
        optimal=None if optimal is None else np.full(num_levels, optimal),
        **how,
    )


def evaluation(own, baselines=(), step=STEPS, curves=()):
    """An evaluation from its tables, whose results call the run's own `own`."""
    contenders = [Contender("own", "own"), *(Contender(name, "baseline") for name in baselines)]
    return Evaluation(contenders=contenders, tables=list(own), step=step, curves=curves)


def noisy(mean, levels=6, seeds=4, seed=0, spread=0.05):
    """Results around a mean."""
    return mean + spread * np.random.default_rng(seed).normal(size=(levels, seeds))


def sweep_of(names, *, seeds=(0, 1, 2), claims=(), fields=None):
    """A sweep of settings that count."""
    fields = fields or {}
    return Sweep(
        name="counting",
        size="smoke",
        title="Counting by settings",
        paper="2310.02782",
        claim="Counting on is better than counting back.",
        settings=tuple(Setting(name, "counting", "smoke", fields.get(name, {})) for name in names),
        seeds=tuple(seeds),
        claims=tuple(Claim(*claim) for claim in claims),
    )


def trained(directory, sweep, evaluations):
    """The folder of a sweep in which jobs that have an evaluation are trained and tested.

    `evaluations` are made by `(setting, seed)`; none leaves a job out.
    """
    write_sweep(directory, sweep)
    for job in jobs(sweep):
        found = evaluations(job.setting.name, job.seed)
        if found is None:
            continue
        folder, plan = run_folder(directory, job), plan_of(job, METHODS)
        create_run(folder, plan.describe())
        run(plan.experiment, plan.run, folder, console=Console(quiet=True))
        write_text(folder / EVALUATION, sealed(to_json(found)))
    return directory
