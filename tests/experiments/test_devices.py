"""Every method on several devices."""

import os
import subprocess
import sys

import jax
import pytest

from rlsuite.experiments.devices import check_precisions, choose_mesh
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.design.attempts import life_of
from rlsuite.rollout import episode_returns
from tests.experiments.running import METHODS, plan_of

# One of each way of dividing: agents that live, by meta-gradients, whole lives by evolution, a
# generation that does more than live, and games; all of them for `make chaos`.
WAYS = ["a2c", "lpg", "ta-lpg", "act-test", "weighted-tallying-bandits"]


def test_methods_divide_their_agents_and_come_to_the_same_on_eight_devices_as_on_one(tmp_path):
    """Begun on eight, they go on with one. Most are only traced, which shows what doesn't fit."""
    in_chaos = bool(os.environ.get("RLSUITE_CHAOS"))
    asked = METHODS.names if in_chaos else WAYS
    lines = on_eight_devices("tests.support.moved", tmp_path, *asked)
    divided = dict(line.partition(": ")[::2] for line in lines)
    moved = {name for name, found in divided.items() if found}
    assert moved == (divided.keys() if in_chaos else set(WAYS))


def on_eight_devices(module, *arguments):
    """The lines that a module prints in a process that has eight devices of the host."""
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=8"
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize(
    ("divisible", "asked", "used"),
    [
        (16, None, 8),
        (16, "all", 8),
        (12, "all", 6),
        (7, "all", 7),
        (1, "all", None),
        (16, "4", 4),
        (16, "1", None),
    ],
)
def test_as_many_devices_as_can_share_equally(monkeypatch, divisible, asked, used):
    # Devices that aren't there can still be counted.
    monkeypatch.setattr(jax, "devices", lambda: [jax.local_devices()[0]] * 8)
    mesh = choose_mesh(divisible, asked)
    assert (None if mesh is None else mesh.shape["agents"]) == used


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ("3", "devices: 3 is not allowed; it must divide 16"),
        ("9", "a number between 1 and 8, the devices there are, or all"),
        ("0", "devices: '0' is not allowed"),
        ("-1", "devices: '-1' is not allowed"),
        ("many", "devices: 'many' is not allowed"),
        ("", "devices: '' is not allowed"),
    ],
)
def test_other_numbers_of_devices_are_refused(monkeypatch, asked, message):
    monkeypatch.setattr(jax, "devices", lambda: [jax.local_devices()[0]] * 8)
    with pytest.raises(ConfigError, match=message):
        choose_mesh(16, asked)


@pytest.mark.parametrize(
    ("backend", "precision", "is_allowed"),
    [
        ("cpu", "tf32", False),
        ("cpu", "float32", True),
        ("cpu", "bf16", True),
        ("tpu", "bf16", True),
        ("tpu", "tf32", False),
        ("gpu", "tf32", True),
    ],
)
@pytest.mark.parametrize(
    ("method", "network"), [("lpg", "objective"), ("dr", "student"), ("paired", "teacher")]
)
def test_precisions_are_those_of_the_hardware(
    monkeypatch, backend, precision, is_allowed, method, network
):
    planned = plan_of(method, parts={network: {"precision": precision}})
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    if is_allowed:
        check_precisions(planned.run)
        return
    message = rf"{network}.precision: 'tf32' is not allowed; .* {backend} has: float32, bf16$"
    with pytest.raises(ConfigError, match=message):
        check_precisions(planned.run)


@pytest.mark.parametrize("method", ["lpg", "dr"])
def test_what_another_machine_has_trained_can_be_opened(method):
    network = {"lpg": "objective", "dr": "student"}[method]
    assert plan_of(method, parts={network: {"precision": "tf32"}}).experiment.method


def test_students_are_tested_in_what_any_machine_multiplies():
    """Lowered only: JAX refuses a CPU a precision that it hasn't got."""
    planned = plan_of("dr", parts={"student": {"precision": "tf32"}})
    world = planned.named_world
    level = world.sample_task(jax.random.key(0)).level

    def lowered(life):
        learner = jax.eval_shape(life.objective.init, jax.random.key(0))

        def attempt(learner, key):
            return episode_returns(key, world.world, level, life.objective.behaviour(learner), 1)

        return jax.jit(attempt).lower(learner, jax.random.key(0))

    finished = Finished(planned.spec, planned.reference, planned.preset, planned.run)
    assert lowered(life_of(finished, world.world))
    with pytest.raises(ValueError, match="TF32"):
        lowered(planned.run.method.life_in(world.world))
