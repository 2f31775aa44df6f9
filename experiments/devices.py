"""The devices of a run: how many there are, how many can share it, and what they can do."""

from typing import get_args

import jax
from jax.sharding import Mesh

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.specs import Run
from rlsuite.precision import Precision
from rlsuite.sharding import make_mesh

# What backends can multiply by; those not named here can do all.
_PRECISIONS = {"cpu": ("float32", "bf16"), "tpu": ("float32", "bf16")}


def check_precisions(run: Run) -> None:
    """Checks that this machine multiplies as precisely as a run asks for.

    It is asked where a run is trained: what another machine has trained can be tested on any.

    Raises:
      ConfigError: if it can't.
    """
    backend = jax.default_backend()
    allowed = _PRECISIONS.get(backend, get_args(Precision))
    for name, leaf in leaves(run).items():
        is_precision = leaf.type in (Precision, Precision | None)
        if is_precision and leaf.value is not None and leaf.value not in allowed:
            raise ConfigError(
                f"{name}: {leaf.value!r} is not allowed; it must be one this machine's {backend} "
                f"has: {', '.join(allowed)}"
            )


def choose_mesh(divisible: int, asked: str | None = None, num_seeds: int = 1) -> Mesh | None:
    """The devices that share a run's agents, or runs that differ in their seeds.

    Seeds are shared first: they have nothing to tell each other.

    Args:
      divisible: what devices can share, if they can share it equally (`Experiment.divisible`).
      asked: a number of devices, or "all": as many as can share it equally, which is the default.
      num_seeds: of runs side by side.

    Returns:
      A mesh; none where one device runs all.

    Raises:
      ConfigError: if that is no number of devices, or they can't share the run.
    """
    there = len(jax.devices())
    can = _ways_to_share(divisible, num_seeds, there)
    number = max(can) if asked in (None, "all") else _number(asked, there)
    if number not in can:
        seeds = "" if num_seeds == 1 else f" times a divisor of {num_seeds}, the seeds"
        raise ConfigError(
            f"devices: {number} is not allowed; it must divide {divisible}, the agents that live "
            f"side by side, or groups of them{seeds}: {', '.join(map(str, sorted(can)))}"
        )
    if jax.process_count() > 1 and number < there:
        raise ConfigError(
            f"devices: {number} is not allowed; several hosts must use all of their {there} devices"
        )
    return make_mesh(number // can[number], can[number]) if number > 1 else None


def _ways_to_share(divisible: int, num_seeds: int, there: int) -> dict[int, int]:
    """By number of devices, how many of them share the seeds: as many as possible."""
    numbers = range(1, there + 1)
    return {
        seeds * agents: seeds
        for seeds in numbers
        for agents in numbers
        if num_seeds % seeds == 0 and divisible % agents == 0 and seeds * agents <= there
    }


def _number(asked: str, there: int) -> int:
    number = int(asked) if asked.isdecimal() and len(asked) < 10 else 0
    if not 1 <= number <= there:
        allowed = f"a number between 1 and {there}, the devices there are, or all"
        raise ConfigError(f"devices: {asked!r} is not allowed; it must be {allowed}")
    return number


def described(mesh: Mesh | None) -> str | None:
    """One line about the devices of a run; none where there is but one."""
    there, used = len(jax.devices()), number_of(mesh)
    if there == 1:
        return None
    kind = jax.devices()[0].device_kind
    return f"on {used} of {there} devices ({kind})" if used < there else f"on {used} × {kind}"


def number_of(mesh: Mesh | None) -> int:
    """How many devices share a run."""
    return 1 if mesh is None else mesh.size
