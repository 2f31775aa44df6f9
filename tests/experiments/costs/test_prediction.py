"""Predictions of whole runs, and the command that shows them."""

import re
from dataclasses import replace

import jax
import jax.numpy as jnp
import pytest
from newcomer.cross_entropy import SPEC

from rlsuite.experiments.bench.families.runs.foreseeing import prediction
from rlsuite.experiments.cli import main
from rlsuite.experiments.costs import predict
from rlsuite.experiments.costs.devices import DEVICES
from rlsuite.experiments.costs.here import Rates
from rlsuite.experiments.costs.prediction import compiled_programs
from rlsuite.experiments.costs.sweeps import predicted
from rlsuite.experiments.costs.text import duration, number
from rlsuite.experiments.costs.work import Product
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.specs import Run
from rlsuite.experiments.sweeping.grid import read_sweep
from tests.experiments.running import METHODS, plan_of
from tests.experiments.test_bench_programs import undocumented

NAMES = {device.name for device in DEVICES}


@pytest.fixture(autouse=True)
def rates(monkeypatch):
    """A machine that is known, since measuring one takes seconds."""
    known = Rates(*[1e-11, 1e-11, 4.0, *[1e-11] * 10])
    monkeypatch.setattr("rlsuite.experiments.costs.prediction.rates", lambda jit: known)


def test_products_take_as_long_as_their_factors_are_precise():
    known = Rates(*[8e-11, 2e-11, 0.0, *[1e-11] * 10])
    for precision, each in {"float32": 8e-11, "default": 8e-11, "bf16": 2e-11}.items():
        product = Product(1, 64, 3, 8, precision)
        assert known.product_seconds(product) == pytest.approx(4 * product.operations * each)


def test_more_agents_and_more_seeds_take_more():
    small, large = (plan_of("a2c", parts={"num_agents": agents}, steps=7) for agents in (2, 4))
    one, two, seeds = predict(small), predict(large), predict(small, num_seeds=3)
    assert one.steps == 7 and one.seconds["A100"] == 7 * one.seconds_per_step["A100"]
    assert one.seconds_per_step.keys() == NAMES | {"here"}
    for more in (two, seeds):
        assert more.operations > one.operations and more.bytes > one.bytes
        assert more.memory > one.memory
        assert all(
            more.seconds_per_step[device] >= one.seconds_per_step[device]
            for device in one.seconds_per_step
        )
    assert seeds.operations == pytest.approx(3 * one.operations, rel=0.1)


@pytest.mark.parametrize(
    ("steps", "chunks"), [(25, ("10 steps", "5 steps")), (20, ("10 steps",)), (1, ("1 step",))]
)
def test_what_is_compiled_is_said(steps, chunks):
    assert compiled_programs(Run(steps=steps, log_every=10)) == ("first state", *chunks)


def test_a_method_without_a_known_world_is_predicted_too():
    found = predict(Plan(SPEC, SPEC.name, "smoke", default_run(SPEC, "smoke")))
    assert found.operations > 0 and min(found.seconds_per_step.values()) > 0


def test_the_command_says_what_a_run_takes_and_writes_nothing(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "ppo", "smoke", "--dry-run", "--seeds", "2"]) == 0
    told = capsys.readouterr().out
    for part in (*NAMES, "this machine", "2 seeds as one program", "programs to compile"):
        assert part in told
    assert re.search(r"a step: [\d.]+ [kMG]? ?operations, [\d.]+ [kMG] ?bytes moved, ", told)
    assert not list(tmp_path.iterdir())


def test_a_sweep_is_predicted_program_by_program(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    common = 'preset = "smoke"\nseeds = 3\nfields.steps = 2\n'
    setting = '[[settings]]\nname = "few"\nmethod = "newcomer.cross_entropy:SPEC"\n'
    (tmp_path / "small.toml").write_text(common + setting)
    rows = predicted(read_sweep("small.toml"), METHODS, together=2)
    assert sorted((row.num_seeds, row.num_programs) for row in rows) == [(1, 1), (2, 1)]
    assert main(["sweep", "small.toml", "--dry-run"]) == 0
    assert "few" in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["small.toml"]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("--num_agents=0", "num_agents: 0 is not allowed"),
        ("--tasks=Cartpole", "tasks: unknown name"),
        ("--seeds=0", "seeds: "),
        (f"--num_agents={2**40}", "num_agents: "),
    ],
)
def test_bad_input_is_refused_as_by_a_run(capsys, option, message):
    assert main(["train", "ppo", "smoke", "--dry-run", option]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_the_benchmark_sets_predictions_beside_what_was_measured():
    run = replace(default_run(SPEC, "smoke"), steps=2, log_every=1)
    figures = prediction({"a2c": lambda: Plan(SPEC, SPEC.name, "smoke", run)}, repeats=1)
    assert figures["a2c_predicted_over_measured"] == pytest.approx(
        figures["a2c_predicted_milliseconds"] / figures["a2c_measured_milliseconds"]
    )
    assert undocumented("prediction", figures) == set()


def test_figures_are_written_for_people():
    assert [duration(s) for s in (5e-6, 0.012, 3, 90, 7200, 2e5)] == [
        *("5 µs", "12 ms", "3 s", "1.5 min", "2 h", "2.31 d"),
    ]
    assert [number(value) for value in (0.5, 999, 2.5e9, 4e13)] == ["0.5", "999", "2.5 G", "40 T"]
    # What is rounded up to a whole one of the next unit is called so.
    assert [number(999.7), duration(0.9997), duration(59.99)] == ["1 k", "1 s", "1 min"]


def test_precision_decides_on_which_cores_a_device_multiplies():
    from rlsuite.experiments.costs.counting import count

    def seconds(precision):
        shape = jax.ShapeDtypeStruct((4096, 4096), jnp.float32)
        multiply = lambda x: jax.lax.dot(x, x, precision=precision)  # noqa: E731
        counted = count(jax.jit(multiply).trace(shape).jaxpr)
        return {device.name: device.seconds(counted.bodies) for device in DEVICES}

    plain, short = seconds(jax.lax.Precision.HIGHEST), seconds(None)
    assert all(plain[name] > 4 * short[name] for name in NAMES)
    assert plain["A100"] == pytest.approx(2 * 4096**3 / 19.5e12, rel=0.05)
