"""Requests that can't fit are refused in one line, before anything is written."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.experiments import fitting
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import ConfigError, TooLargeError
from tests.experiments.running import plan_of


def refused(capsys, line, folder):
    """The line with which a command is refused."""
    assert main(line.split()) == 2
    assert not folder.exists()
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("method", "field", "part"),
    [
        ("groove", "buffer.size", "the state"),
        ("lpg", "meta.num_agents", "the state"),
        ("lpg", "life.rollout_length", "a step"),
        ("lpg", "objective.recurrent_width", "the state"),
        ("ta-lpg", "meta.population_size", "a step"),
        ("lpo", "ppo.num_epochs", "a step"),
        ("ppo", "num_agents", "the state"),
        ("a2c", "life.num_workers", "the state"),
    ],
)
def test_the_field_that_is_too_large_is_named_with_size_and_limit(
    capsys, tmp_path, method, field, part
):
    size = 1_000_000_000 if field != "objective.recurrent_width" else 1_000_000
    folder = tmp_path / "run"
    line = refused(capsys, f"train {method} smoke --{field} {size} --out {folder}", folder)
    assert line.startswith(f"rlsuite: {field}: {size} is not allowed on this machine; {part} would")
    assert "iB of memory at least, and there are " in line


def test_what_cannot_even_be_counted_is_refused_as_well(capsys, tmp_path):
    folder = tmp_path / "run"
    for field in ("buffer.size", "max_lifetime", "steps"):
        line = refused(capsys, f"train groove smoke --{field} 3000000000 --out {folder}", folder)
        assert line == f"rlsuite: {field}: 3000000000 is not allowed; it must be at most 2147483647"
    sizes = "--num_agents 2147483647 --ppo.num_epochs 2147483647"
    line = refused(capsys, f"train ppo smoke {sizes} --out {folder}", folder)
    assert line.startswith(("rlsuite: num_agents: 2147483647", "rlsuite: ppo.num_epochs: 21474"))


def test_a_chunk_too_long_to_log_is_refused(capsys, tmp_path):
    folder = tmp_path / "run"
    steps = "--steps 2000000000 --log_every 2000000000"
    line = refused(capsys, f"train a2c smoke {steps} --out {folder}", folder)
    assert "log_every: 2000000000 is not allowed on this machine" in line


def test_of_several_sizes_the_one_that_is_to_blame_is_named(monkeypatch):
    parts = {"num_agents": 50, "life": {"num_workers": 9, "rollout_length": 7}}
    plan = plan_of("a2c", steps=7, parts=parts)
    need = sum(fitting.least_need(plan, math.inf))
    monkeypatch.setattr(fitting, "memory_bytes", lambda *_: need)
    fitting.check_fits(plan)
    monkeypatch.setattr(fitting, "memory_bytes", lambda *_: need - 1)
    with pytest.raises(ConfigError, match=r"^num_agents: 50 is not allowed .*; a step would take"):
        fitting.check_fits(plan)


def test_where_the_preset_itself_is_too_large_what_is_best_halved_is_named(monkeypatch):
    plan = plan_of("a2c")
    monkeypatch.setattr(fitting, "memory_bytes", lambda *_: 1000)
    with pytest.raises(
        ConfigError, match=r"^agent.hidden_widths: 64,64 is not .*; the state would"
    ):
        fitting.check_fits(plan)


def test_a_run_is_not_resumed_where_it_does_not_fit(capsys, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    quick = ["weighted-tallying-bandits", "smoke"]  # To compile.
    assert main(["train", *quick, "--steps", "2", "--out", str(folder)]) == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    (folder / "report.md").unlink()
    monkeypatch.setattr(fitting, "memory_bytes", lambda *_: 1000)
    capsys.readouterr()
    assert main(["resume", str(folder)]) == 2
    assert "is not allowed on this machine" in capsys.readouterr().err
    (folder / "report.md").write_bytes(before[folder / "report.md"])
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


GIANTS = {"agent": {"hidden_widths": (2**31 - 1,) * 2}}


@pytest.mark.parametrize(
    "describe",
    [
        lambda: np.zeros((2**31 - 1,) * 3),
        lambda: np.arange((2**31 - 1) ** 3),
        lambda: jnp.int32(2**33),
        lambda: jnp.zeros(3, jnp.int32) + 2**40,
        lambda: jax.random.permutation(jax.random.key(0), (2**31 - 1) ** 3),
    ],
)
def test_what_jax_and_numpy_say_of_sizes_that_they_cannot_count(describe):
    run = plan_of("groove", parts=GIANTS).run
    with pytest.raises(TooLargeError), fitting.building(run):
        jax.eval_shape(describe)


def test_only_what_names_a_field_is_said_in_a_line_and_mistakes_keep_their_traceback():
    run = plan_of("groove", parts=GIANTS).run
    with pytest.raises(ConfigError, match="x: 1 is not allowed") as refused, fitting.building(run):
        raise ValueError("x: 1 is not allowed; it must be 2")
    assert not isinstance(refused.value, TooLargeError)
    with pytest.raises(TypeError, match="incompatible shapes"), fitting.building(run):
        jax.eval_shape(lambda: jnp.zeros(3) + jnp.zeros(4))
    with pytest.raises(TypeError, match="hapes must be"), fitting.building(run):
        jax.eval_shape(lambda: jnp.zeros(2.5))
    with pytest.raises(ValueError, match="not enough values to unpack"), fitting.building(run):
        _, _ = (1,)
