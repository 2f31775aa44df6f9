"""Tests that a run which cannot learn says so, once, and goes on."""

import jax
import jax.numpy as jnp
import pytest

from rlsuite.experiments.finished import Finished
from rlsuite.experiments.folder import create_run, read_document
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.report import report
from rlsuite.experiments.runner import run
from rlsuite.experiments.specs import Experiment, MethodSpec, Nothing, Run
from rlsuite.experiments.symptoms import Examination, Symptom, examined
from rlsuite.method import Method

STUCK = Symptom("height", lambda value: value >= 1, 6, "nothing is any higher")


def lines(values, length=2):
    return [{"step": length * n, "height": value} for n, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("values", "steps"),
    [
        ([1, 1], []),
        ([1, 1, 1], [6]),
        ([1, 1, 1, 1, 1, 1, 1], [6]),
        ([1, 1, 0.9, 1, 1, 1], [12]),
        ([1, 1, 1, 0, 1, 1, 1], [6, 14]),
        ([1, None, 1, float("nan"), 1], [10]),
        ([0, 0, 0, 0], []),
    ],
)
def test_it_is_said_each_time_that_it_has_shown_for_long_enough(values, steps):
    noticed = examined([STUCK], lines(values))
    assert [one.step for one in noticed] == steps


def test_each_symptom_is_looked_for_by_itself():
    low = Symptom("depth", lambda value: value == 0, 2, "there is no depth")
    examination = Examination([STUCK, low])
    assert not examination.look(1, 1, {"height": 1.0, "depth": 0.0})
    (noticed,) = examination.look(2, 1, {"height": 1.0, "depth": 0.0})
    expected = "at step 2: there is no depth (depth 0 over 2 steps), so nothing can be learned"
    assert str(noticed).startswith(expected)
    (noticed,) = examination.look(6, 4, {"height": 1.25, "depth": 0.0})
    assert noticed.symptom is STUCK and noticed.value == 1.25
    assert not examination.look(7, 1, {"unknown": 1.0})


def climbing(ceiling):
    """One more per step, up to a ceiling."""

    def step(state):
        state = {"parameters": jnp.minimum(state["parameters"] + 0.25, ceiling)}
        return state, {"height": state["parameters"]}

    return Method(lambda key: {"parameters": jnp.zeros(())}, step)


def test_a_run_says_so_in_one_line_and_its_report_does_too(tmp_path, quiet, capsys):
    spec = MethodSpec(
        name="climbing",
        kind="height",
        summary="",
        paper=None,
        presets={"smoke": lambda world: Run(tasks=None, steps=20, log_every=2, method=Nothing())},
        build=lambda config, world: Experiment(climbing(1.0), 1, 0, ("height",)),
        learned=lambda state: state["parameters"],
        symptoms=(STUCK,),
    )
    plan = Plan(spec, "climbing", "smoke", spec.presets["smoke"](None))
    create_run(tmp_path / "run", plan.describe())
    outcome = run(plan.experiment, plan.run, tmp_path / "run", console=quiet)
    assert outcome.finished and outcome.step == 20
    said = capsys.readouterr().err.splitlines()
    # At 1 from step 4 on; the means of steps 5 and 6 are the first to show it.
    assert len(said) == 1 and "at step 10: nothing is any higher (height 1 over 6 steps)" in said[0]

    finished = Finished(
        spec,
        plan.reference,
        plan.preset,
        plan.run,
        directory=tmp_path / "run",
        document=read_document(tmp_path / "run"),
    )
    text = report(finished).read_text()
    assert text.count("nothing is any higher") == 1
    assert jax.tree.leaves(finished.learned)
