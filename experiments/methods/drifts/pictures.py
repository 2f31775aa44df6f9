"""Reports of learned drifts: their shape, and how lives by them go."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.analysis import drift_surface
from rlsuite.drifts import Drift, discovered, learned, ppo_clip
from rlsuite.experiments.evaluation import Evaluation
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.lives import life_sections
from rlsuite.experiments.methods.drifts.plots import Surface, drift_maps
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.objectives.objective import Clock, Parameters

RATIOS = np.linspace(0.3, 2.0, 120)
ADVANTAGES = np.linspace(-3.0, 3.0, 121)
_MOMENTS = {"start": 0.0, "middle": 0.5, "end": 1.0}


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """The drift over ratio and advantage, and how lives go."""
    surfaces = _surfaces(finished)
    drawing = Drawing(
        "drift.png",
        "The drift and its slope over ratio and advantage",
        lambda path: drift_maps(path, surfaces, RATIOS, ADVANTAGES),
    )
    text = (
        "Above the drift f(r, A), below its slope in r: what is taken from the gain r A, and from "
        "its slope A. Beside what was learned stand PPO's and DPO's."
    )
    return [Section("What was learned", [drawing], text), *life_sections(evaluation)]


def _surfaces(finished: Finished) -> dict[str, Surface]:
    config = finished.run.method.drift
    assert finished.world is not None
    lifetime = finished.world.lifetime_range[1]
    moments = _MOMENTS if config.time != "none" else {"learned": 0.0}
    columns = {
        name: _surface(
            learned(config),
            finished.learned,
            Clock(jnp.float32(moment * lifetime), jnp.int32(lifetime)),
        )
        for name, moment in moments.items()
    }
    now = Clock(jnp.float32(0), jnp.int32(1))
    return columns | {
        "PPO": _surface(ppo_clip(), (), now),
        "DPO": _surface(discovered(), (), now),
    }


def _surface(drift: Drift, parameters: Parameters, clock: Clock) -> Surface:
    found = jax.jit(drift_surface, static_argnums=0)(drift, parameters, RATIOS, ADVANTAGES, clock)
    return Surface(np.asarray(found.drift), np.asarray(found.slope))
