"""The part of a report that shows what was learned: a drift's shape, and how lives by it go."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.analysis import drift_surface
from rlsuite.drifts import Drift, discovered, learned, ppo_clip
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import LPORun, RunConfig
from rlsuite.experiments.plots_learned import Surface, drift_maps, life_courses
from rlsuite.experiments.runner import last_state
from rlsuite.experiments.tasks import task_source
from rlsuite.objectives.objective import Clock, Parameters

RATIOS = np.linspace(0.3, 2.0, 120)
ADVANTAGES = np.linspace(-3.0, 3.0, 121)
_MOMENTS = {"start": 0.0, "middle": 0.5, "end": 1.0}


def what_was_learned(directory: Path, config: RunConfig, evaluation: dict[str, Any] | None) -> str:
    """Draws what a run's objective does; markdown that shows it, empty where there is nothing."""
    parts = []
    if isinstance(config, LPORun):
        _draw_drift(directory, config)
        parts.append(
            "![The drift and its slope over ratio and advantage](drift.png)\n\n"
            "Above the drift f(r, A), below its slope in r: what is taken from the gain r A, and "
            "from its slope A. Beside what was learned stand PPO's and DPO's."
        )
    if evaluation is not None and evaluation.get("courses"):
        life_courses(directory / "life_courses.png", evaluation["courses"])
        parts.append(
            "![Entropy, policy change and prediction change over a life](life_courses.png)\n\n"
            "Means over fresh agents that learn by what was learned, for several horizons: the "
            "policy's entropy, the divergence of the policy from the one before each update, and "
            "how far the agent's predictions moved."
        )
    return "\n\n".join(["## What was learned", *parts]) if parts else ""


def _draw_drift(directory: Path, config: LPORun) -> None:
    parameters = last_state(directory, build(config).method).parameters
    lifetime = config.lifetimes(task_source(config.tasks))[1]
    drift = learned(config.drift)
    moments = _MOMENTS if config.drift.time != "none" else {"learned": 0.0}
    columns = {
        name: _surface(
            drift, parameters, Clock(jnp.float32(moment * lifetime), jnp.int32(lifetime))
        )
        for name, moment in moments.items()
    }
    now = Clock(jnp.float32(0), jnp.int32(1))
    columns |= {"PPO": _surface(ppo_clip(), (), now), "DPO": _surface(discovered(), (), now)}
    drift_maps(directory / "drift.png", columns, RATIOS, ADVANTAGES)


def _surface(drift: Drift, parameters: Parameters, clock: Clock) -> Surface:
    found = jax.jit(drift_surface, static_argnums=0)(drift, parameters, RATIOS, ADVANTAGES, clock)
    return Surface(np.asarray(found.drift), np.asarray(found.slope))
