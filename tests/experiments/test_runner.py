import dataclasses
import io
import json
import os
import signal
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from rich.console import Console

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import MetricsLog, read_metrics
from rlsuite.experiments.programs import abstract_state, initial_state
from rlsuite.experiments.runner import Outcome, run
from rlsuite.experiments.specs import Experiment, Run
from rlsuite.method import Method


@dataclasses.dataclass(frozen=True)
class ToyConfig(Run):
    seed: int = 3
    steps: int = 11
    log_every: int = 3
    checkpoint_every: int = 6


class ToyState(NamedTuple):
    parameters: jax.Array
    momentum: jax.Array
    key: jax.Array
    steps_done: int | jax.Array
    nothing: jax.Array


def noisy_descent(poison_from: int | None = None, poisoned: str = "meta_loss") -> Method:
    """Gradient descent with noise on a quadratic; its state has all sorts of leaves.

    From some step on one of its metrics, or of its parameters, may be NaN.
    """

    def init(key):
        parameters = jax.random.normal(key, (4, 4))
        return ToyState(parameters, jnp.zeros((4, 4)), key, 0, jnp.zeros((0, 2)))

    def step(state):
        key, noise_key = jax.random.split(state.key)
        target = jnp.tanh(jax.random.normal(noise_key, (4, 4)))
        loss, gradient = jax.value_and_grad(lambda p: jnp.mean((p @ p - target) ** 2))(
            state.parameters
        )
        momentum = 0.9 * state.momentum + gradient
        is_even = state.steps_done % 2 == 0
        metrics = {
            "meta_loss": loss,
            "sometimes": jnp.where(is_even, 1.0, jnp.nan),
            "never": jnp.array(jnp.nan),
        }
        parameters = state.parameters - 0.05 * momentum
        if poison_from is not None:
            poison = jnp.where(state.steps_done >= poison_from, jnp.nan, 0.0)
            if poisoned in metrics:
                metrics[poisoned] += poison
            else:
                parameters = parameters.at[1, 2].add(poison)
        return ToyState(parameters, momentum, key, state.steps_done + 1, state.nothing), metrics

    return Method(init, step)


def toy_experiment(method: Method) -> Experiment:
    return Experiment(
        method, agent_updates_per_step=2, world_steps_per_step=100, headline=("meta_loss",)
    )


def quiet_console() -> Console:
    return Console(file=io.StringIO(), force_terminal=False, width=200)


def start(directory: Path, config: ToyConfig = ToyConfig(), **options) -> Outcome:
    create_run(directory, {"method": "toy"})
    return run(toy_experiment(noisy_descent(**options)), config, directory, console=quiet_console())


def saved_state(directory: Path) -> ToyState:
    with Checkpoints(directory) as checkpoints:
        return checkpoints.restore(abstract_state(noisy_descent()))


def assert_same_bits(left, right) -> None:
    def bits(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    for one, other in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(bits(one), bits(other))


def send_signal_after(chunks: int, number: int, monkeypatch) -> None:
    """Sends this process a signal once so many chunks are logged."""
    write, written = MetricsLog.write, []

    def write_and_send(log, line):
        write(log, line)
        written.append(line)
        if len(written) == chunks:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(MetricsLog, "write", write_and_send)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> Path:
    directory = tmp_path_factory.mktemp("runs") / "uninterrupted"
    assert start(directory) == Outcome(step=11, finished=True)
    return directory


@pytest.mark.parametrize(
    ("chunks", "number"), [(1, signal.SIGINT), (2, signal.SIGTERM), (3, signal.SIGINT)]
)
def test_interrupted_and_resumed_is_the_same_bit_for_bit(
    uninterrupted, tmp_path, monkeypatch, chunks, number
):
    directory = tmp_path / "run"
    with monkeypatch.context() as patch:
        send_signal_after(chunks, number, patch)
        assert start(directory) == Outcome(step=3 * chunks, finished=False)
    outcome = run(toy_experiment(noisy_descent()), ToyConfig(), directory, console=quiet_console())
    assert outcome == Outcome(step=11, finished=True)
    assert_same_bits(saved_state(directory), saved_state(uninterrupted))
    for line, expected in zip(read_metrics(directory), read_metrics(uninterrupted), strict=True):
        assert line.keys() == expected.keys()
        for name in ("step", "meta_loss", "sometimes", "never"):
            assert line[name] == expected[name]


def test_state_equals_a_plain_loop_over_the_method(uninterrupted):
    method = noisy_descent()
    state = initial_state(method, ToyConfig().seed)
    for _ in range(ToyConfig().steps):
        state, _ = jax.jit(method.step)(state)
    saved = saved_state(uninterrupted)
    np.testing.assert_allclose(saved.parameters, state.parameters, rtol=1e-5)
    assert saved.steps_done == 11


def test_a_killed_run_resumes_from_its_last_checkpoint(uninterrupted, tmp_path, monkeypatch):
    directory = tmp_path / "run"

    def die(*_):
        raise RuntimeError("killed")

    # The second checkpoint is never written, but the lines up to it are.
    with monkeypatch.context() as patch:
        real_save = Checkpoints.save
        patch.setattr(
            Checkpoints,
            "save",
            lambda self, step, state: real_save(self, step, state) if step == 6 else die(),
        )
        with pytest.raises(RuntimeError, match="killed"):
            start(directory)
    with (directory / "metrics.jsonl").open("a") as file:
        file.write('{"step": 12, "sec')
    run(toy_experiment(noisy_descent()), ToyConfig(), directory, console=quiet_console())
    assert [line["step"] for line in read_metrics(directory)] == [3, 6, 9, 11]
    assert_same_bits(saved_state(directory), saved_state(uninterrupted))


def test_metrics_are_means_over_the_steps_that_report(uninterrupted):
    lines = [json.loads(line) for line in (uninterrupted / "metrics.jsonl").open()]
    assert [line["step"] for line in lines] == [3, 6, 9, 11]
    assert all(line["never"] is None and line["sometimes"] == 1.0 for line in lines)
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds)
    last_chunk_seconds = seconds[-1] - seconds[-2]
    assert lines[-1]["agent_updates_per_second"] == pytest.approx(4 / last_chunk_seconds)
    assert lines[-1]["world_steps_per_second"] == pytest.approx(200 / last_chunk_seconds)


def test_checkpoints_are_written_at_chunk_boundaries(tmp_path, monkeypatch):
    saved_steps = []
    real_save = Checkpoints.save
    monkeypatch.setattr(
        Checkpoints,
        "save",
        lambda self, step, state: (saved_steps.append(step), real_save(self, step, state)),
    )
    start(tmp_path / "run", ToyConfig(steps=12, log_every=3, checkpoint_every=4))
    assert saved_steps == [6, 9, 12]


def test_a_finished_run_stays_as_it_is(uninterrupted):
    before = (uninterrupted / "metrics.jsonl").read_text()
    outcome = run(
        toy_experiment(noisy_descent()), ToyConfig(), uninterrupted, console=quiet_console()
    )
    assert outcome == Outcome(step=11, finished=True)
    assert (uninterrupted / "metrics.jsonl").read_text() == before


def test_stops_when_the_meta_loss_is_no_longer_finite(tmp_path):
    with pytest.raises(UserError, match=r"meta_loss: nan at step 9 .* checkpoint is of step 6"):
        start(tmp_path / "run", poison_from=6)
    assert [line["meta_loss"] is None for line in read_metrics(tmp_path / "run")] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(("poisoned", "poison_from"), [("meta_loss", 7), ("parameters", 9)])
def test_a_state_that_diverged_within_a_chunk_is_never_saved(tmp_path, poisoned, poison_from):
    config = ToyConfig(steps=30, log_every=5, checkpoint_every=5)
    with pytest.raises(UserError, match=rf"{poisoned}: .*at step 10 .* checkpoint is of step 5;"):
        start(tmp_path / "run", config, poison_from=poison_from, poisoned=poisoned)
    assert [line["step"] for line in read_metrics(tmp_path / "run")] == [5, 10]
    with Checkpoints(tmp_path / "run") as checkpoints:
        assert checkpoints.latest_step() == 5
        restored = checkpoints.restore(abstract_state(noisy_descent()))
    assert np.isfinite(restored.parameters).all()


def test_only_what_is_learned_has_to_be_finite(tmp_path):
    create_run(tmp_path / "run", {"method": "toy"})
    poisoned = toy_experiment(noisy_descent(poison_from=2, poisoned="parameters"))
    elsewhere = poisoned._replace(learned=lambda state: state.steps_done, watched=())
    outcome = run(elsewhere, ToyConfig(steps=6), tmp_path / "run", console=quiet_console())
    assert outcome == Outcome(6, finished=True)


@pytest.mark.parametrize(
    ("watched", "poisoned", "message"),
    [
        (("sometimes",), "sometimes", r"sometimes: nan at step 3 \(since step 2\) is not finite"),
        (("never",), "never", r"never: nan at step 3 \(since step 1\) is not finite"),
        ((), "meta_loss", None),
    ],
)
def test_an_experiment_says_which_metrics_are_watched(tmp_path, watched, poisoned, message):
    create_run(tmp_path / "run", {"method": "toy"})
    experiment = toy_experiment(noisy_descent(poison_from=2, poisoned=poisoned))
    experiment = experiment._replace(watched=watched)
    config, console = ToyConfig(steps=3), quiet_console()
    if message is None:
        assert run(experiment, config, tmp_path / "run", console=console).finished
        return
    with pytest.raises(UserError, match=message):
        run(experiment, config, tmp_path / "run", console=console)


def test_signal_handlers_are_put_back(tmp_path):
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    start(tmp_path / "run", ToyConfig(steps=3))
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_progress_is_shown_on_terminals_and_in_pipes(tmp_path):
    config = ToyConfig(steps=3)
    for name, is_terminal in (("terminal", True), ("pipe", False)):
        create_run(tmp_path / name, {"method": "toy"})
        console = Console(file=io.StringIO(), force_terminal=is_terminal, width=80)
        run(toy_experiment(noisy_descent()), config, tmp_path / name, console=console)
        text = console.file.getvalue()
        for part in ("compiling…", "3/3", "0:00:00 left", "meta_loss", "updates/s", "steps/s"):
            assert part in text


def test_weights_and_biases_is_told_offline(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    run_folder = tmp_path / "run"
    start(run_folder, ToyConfig(steps=6, wandb="a project"))
    wandb.teardown()  # Until then its file may not be whole.
    records = list((run_folder / "wandb").glob("offline-run-*/run-*.wandb"))
    assert len(records) == 1 and b"meta_loss" in records[0].read_bytes()
