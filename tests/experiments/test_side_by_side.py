"""Runs that differ in their seeds alone, as one program."""

import dataclasses
import io
import json
import os
import shutil
import signal
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rlsuite.experiments import cli
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.evaluate import evaluate, evaluate_each
from rlsuite.experiments.evaluation import to_json
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.runner import Outcome, run, run_together
from rlsuite.experiments.seeds import MOST_SEEDS, seeds_from_text
from rlsuite.method import Method
from tests.experiments.test_devices import on_eight_devices
from tests.experiments.test_runner import (
    ToyConfig,
    assert_same_bits,
    noisy_descent,
    saved_state,
    send_signal_after,
    toy_experiment,
)

SEEDS = (3, 4, 8)
POISONED = 4
METHOD = "newcomer.cross_entropy:SPEC"


def configs(folder, **changes):
    """Runs by folder; those that aren't there yet are begun."""
    found = {}
    for seed in SEEDS:
        directory = folder / f"seed{seed}"
        found[directory] = dataclasses.replace(ToyConfig(seed=seed), **changes)
        if not directory.exists():
            create_run(directory, {"method": "toy"})
    return found


def train(folder, method=None, **changes):
    return run_together(
        toy_experiment(method or noisy_descent()),
        configs(folder, **changes),
        console=Console(file=io.StringIO(), width=200),
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    assert train(folder) == [Outcome(11, finished=True)] * len(SEEDS)
    return folder


def assert_same_runs(folder, expected, seeds=SEEDS):
    for name in (f"seed{seed}" for seed in seeds):
        assert_same_bits(saved_state(folder / name), saved_state(expected / name))
        lines = [read_metrics(where / name) for where in (folder, expected)]
        for line, other in zip(*lines, strict=True):
            assert [line[key] for key in ("step", "meta_loss", "sometimes")] == [
                other[key] for key in ("step", "meta_loss", "sometimes")
            ]


def test_each_comes_to_what_it_comes_to_alone(undisturbed, tmp_path):
    for directory, config in configs(tmp_path).items():
        console = Console(file=io.StringIO())
        run(toy_experiment(noisy_descent()), config, directory, console=console)
        ours, theirs = (saved_state(where / directory.name) for where in (undisturbed, tmp_path))
        np.testing.assert_allclose(ours.parameters, theirs.parameters, rtol=1e-5)
        lines = [read_metrics(where / directory.name) for where in (undisturbed, tmp_path)]
        for line, other in zip(*lines, strict=True):
            assert line.keys() == other.keys()
            assert line["meta_loss"] == pytest.approx(other["meta_loss"], rel=1e-5)


def test_seeds_come_to_different_things(undisturbed):
    losses = [read_metrics(undisturbed / f"seed{seed}")[-1]["meta_loss"] for seed in SEEDS]
    assert len(set(losses)) == len(SEEDS)


def test_time_is_shared_equally(undisturbed):
    lines = [read_metrics(undisturbed / f"seed{seed}") for seed in SEEDS]
    seconds = {tuple(line["seconds"] for line in one) for one in lines}
    assert len(seconds) == 1
    before, after = lines[0][-2:]
    took = (after["seconds"] - before["seconds"]) * len(SEEDS)
    # Of all three, whose two updates and hundred world steps each step makes.
    assert after["agent_updates_per_second"] == pytest.approx(2 * 2 * len(SEEDS) / took)


@pytest.mark.parametrize(("chunks", "number"), [(3, signal.SIGINT), (5, signal.SIGTERM)])
def test_interrupted_and_resumed_they_are_the_same_bit_for_bit(
    undisturbed, tmp_path, monkeypatch, chunks, number
):
    with monkeypatch.context() as patch:
        send_signal_after(chunks, number, patch)  # Of one run each, so in the middle of a chunk.
        step = 3 * -(-chunks // len(SEEDS))
        assert train(tmp_path) == [Outcome(step, finished=False)] * len(SEEDS)
    assert train(tmp_path) == [Outcome(11, finished=True)] * len(SEEDS)
    assert_same_runs(tmp_path, undisturbed)


@pytest.mark.parametrize("lost", [[3], [3, 4], [8]])
def test_those_that_are_behind_catch_up(undisturbed, tmp_path, lost):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    for seed in lost:
        shutil.rmtree(tmp_path / f"seed{seed}" / "checkpoints" / "11")
    assert train(tmp_path) == [Outcome(11, finished=True)] * len(SEEDS)
    assert_same_runs(tmp_path, undisturbed)


def test_one_that_has_lost_all_begins_again_beside_the_others(undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path, dirs_exist_ok=True)
    shutil.rmtree(tmp_path / "seed4" / "checkpoints")
    assert train(tmp_path) == [Outcome(11, finished=True)] * len(SEEDS)
    assert_same_runs(tmp_path, undisturbed)


def poisoned_for_one():
    """As `noisy_descent`, but parameters of the seed `POISONED` become NaN at step 9."""
    method = noisy_descent()
    first = jax.random.key_data(jax.random.key(POISONED))

    def init(key):
        state = method.init(key)
        is_poisoned = (jax.random.key_data(key) == first).all()
        # A number that nothing else reads tells who it is.
        return state._replace(nothing=is_poisoned[None])

    def step(state):
        after, metrics = method.step(state)
        is_bad = state.nothing[0] & (state.steps_done >= 8)
        poison = jnp.where(is_bad, jnp.nan, 0.0)
        return after._replace(parameters=after.parameters + poison), metrics

    return Method(init, step)


def test_one_diverges_and_the_others_go_on(undisturbed, tmp_path, capsys):
    first, bad, last = train(tmp_path, poisoned_for_one())
    assert first[:2] == last[:2] == (11, True)
    assert not bad.finished
    assert "parameters: " in str(bad.divergence)
    assert "the last checkpoint is of step 6" in str(bad.divergence)
    assert f"'{tmp_path}/seed{POISONED}': parameters" in capsys.readouterr().err
    with Checkpoints(tmp_path / f"seed{POISONED}") as checkpoints:
        assert checkpoints.latest_step() == 6
    assert [line["step"] for line in read_metrics(tmp_path / f"seed{POISONED}")] == [3, 6, 9]
    for seed in (3, 8):
        ours, theirs = (
            [line["meta_loss"] for line in read_metrics(where / f"seed{seed}")]
            for where in (tmp_path, undisturbed)
        )
        # Of another program, which rounds in its own way.
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_finished_ones_stay_as_they_are(undisturbed):
    before = (undisturbed / "seed3" / "metrics.jsonl").read_bytes()
    assert train(undisturbed) == [Outcome(11, finished=True)] * len(SEEDS)
    assert (undisturbed / "seed3" / "metrics.jsonl").read_bytes() == before


def test_devices_share_seeds_and_agents():
    assert on_eight_devices("tests.support.divided_seeds") == ["the same"]


@pytest.mark.parametrize(
    ("divisible", "num_seeds", "asked", "shape"),
    [
        (16, 4, None, (4, 2)),
        (16, 3, None, (1, 8)),
        (3, 16, None, (8, 1)),
        (1, 6, "all", (6, 1)),
        (16, 4, "2", (2, 1)),
        (2, 3, None, (3, 2)),
    ],
)
def test_seeds_are_shared_first(monkeypatch, divisible, num_seeds, asked, shape):
    monkeypatch.setattr(jax, "devices", lambda: [jax.local_devices()[0]] * 8)
    mesh = choose_mesh(divisible, asked, num_seeds)
    assert mesh is not None
    assert (mesh.shape["seeds"], mesh.shape["agents"]) == shape


@given(st.lists(st.integers(0, 500), min_size=1, max_size=8, unique=True))
def test_a_list_of_seeds_is_read_as_it_is_written(seeds):
    text = ",".join(map(str, seeds)) + ("-" + str(seeds[0]) if len(seeds) == 1 else "")
    assert seeds_from_text(text) == tuple(seeds)


@given(st.integers(0, 400), st.integers(1, 300))
def test_ranges_and_counts_of_seeds(first, count):
    assert seeds_from_text(f"{first}-{first + count - 1}") == tuple(range(first, first + count))
    assert seeds_from_text(str(count)) == tuple(range(count))


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "-1", "3-1", "1,1", "0-3,2", "x", "1.5", "1,", "²", "99999999999"),
        *("4294967296-4294967296", "0-4294967295", str(MOST_SEEDS + 1)),
    ],
)
def test_other_texts_are_no_seeds(text):
    with pytest.raises(ConfigError, match=r"^seeds: [^\n]* is not allowed; it must be [^\n]*$"):
        seeds_from_text(text)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("command") / "runs"
    argv = ["train", METHOD, "smoke", "--seeds", "2", "--log_every", "1", "--steps", "2"]
    argv += ["--out", str(folder)]
    assert cli.main(argv) == 0
    return folder


class TestCommand:
    def test_each_seed_has_an_ordinary_folder(self, trained):
        assert sorted(path.name for path in trained.iterdir()) == ["seed0", "seed1"]
        for path in trained.iterdir():
            assert (path / "report.md").exists()
            assert [line["step"] for line in read_metrics(path)] == [1, 2]

    def test_they_go_on_together_or_alone(self, trained, capsys):
        folders = [str(path) for path in sorted(trained.iterdir())]
        assert cli.main(["resume", *folders]) == 0
        assert capsys.readouterr().out.count("is already at its last step, 2.") == 2
        assert cli.main(["resume", *folders, "--steps", "3"]) == 0
        assert cli.main(["resume", folders[1], "--steps", "4"]) == 0
        assert [len(read_metrics(path)) for path in sorted(trained.iterdir())] == [3, 4]

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            (["--seeds", "2", "--seed", "1"], "seed: a value is not allowed together with --seeds"),
            (["--seeds", "2", "--debug-nans"], "debug_nans: it is not allowed with several runs"),
            (["--seeds", "none"], "seeds: 'none' is not allowed"),
            (["--seeds", "9999", "--population_size", "999999"], "seeds: 9999 side by side"),
        ],
    )
    def test_bad_input_is_one_line(self, tmp_path, capsys, more, message):
        out = tmp_path / "out"
        assert cli.main(["train", METHOD, "smoke", "--out", str(out), *more]) == cli.BAD_INPUT
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
        assert not out.exists()

    def test_tested_at_once_each_has_what_it_has_alone(self, trained):
        runs = [open_run(path) for path in sorted(trained.iterdir())]
        evaluate_each(runs, console=Console(quiet=True))
        for one in runs:
            found = one.evaluation
            evaluate(one, console=Console(quiet=True))
            assert to_json(found) == to_json(one.evaluation)
            assert [contender.role for contender in found.contenders] == ["own", "baseline"]

    def test_runs_that_differ_in_more_are_refused(self, trained, tmp_path, capsys):
        shutil.copytree(trained / "seed0", tmp_path / "longer")
        config = tmp_path / "longer" / "config.json"
        document = json.loads(config.read_text())
        document["config"]["log_every"] = 2
        config.write_text(json.dumps(document))
        both = [str(trained / "seed0"), str(tmp_path / "longer")]
        assert cli.main(["resume", *both, "--steps", "9"]) == cli.BAD_INPUT
        error = capsys.readouterr().err
        assert "differ in more than the seed: log_every 2 and 1" in error
        assert cli.main(["resume", both[0], both[0]]) == cli.BAD_INPUT
        assert "is named twice" in capsys.readouterr().err


def test_killed_while_they_are_saved_they_come_to_the_same(tmp_path):
    """The process ends between the checkpoint of one run and that of the next."""
    program = (
        "import os, sys\n"
        "from rlsuite.experiments import cli\n"
        "from rlsuite.experiments.checkpoints import Checkpoints\n"
        "save, saved = Checkpoints.save, []\n"
        "def save_and_die(self, step, state):\n"
        "    save(self, step, state)\n"
        "    saved.append(step)\n"
        "    if len(saved) == int(sys.argv[1]):\n"
        "        os._exit(9)\n"
        "Checkpoints.save = save_and_die\n"
        "sys.exit(cli.main(sys.argv[2:]))\n"
    )
    options = ["--steps", "4", "--checkpoint_every", "2"]

    def rlsuite(dies_after, *argv):
        command = [sys.executable, "-c", program, str(dies_after), *argv]
        paths = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **paths})
        return done.returncode

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train = ["train", METHOD, "smoke", "--seeds", "2", *options, "--out"]
    assert rlsuite(99, *train, str(whole)) == 0
    assert rlsuite(3, *train, str(killed)) == 9
    steps = [sorted(path.name for path in killed.glob(f"seed{k}/checkpoints/*")) for k in (0, 1)]
    assert steps == [["2", "4"], ["2"]]
    assert rlsuite(99, "resume", str(killed / "seed0"), str(killed / "seed1")) == 0
    for name in ("seed0", "seed1"):
        ours, theirs = (read_metrics(folder / name) for folder in (killed, whole))
        for line, other in zip(ours, theirs, strict=True):
            timed = [key for key in line if "second" in key]
            assert {**line, **dict.fromkeys(timed)} == {**other, **dict.fromkeys(timed)}
