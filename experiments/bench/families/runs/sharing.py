"""How time per agent goes with devices, and with the agents on each."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import preset_plan
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median
from rlsuite.experiments.devices import choose_mesh
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.programs import initial_state, trace_chunk, under
from rlsuite.experiments.registry import Methods

AGENTS_ON_EACH = (4, 16)


def devices(
    plan: Plan | None = None,
    agents_on_each: Sequence[int] = AGENTS_ON_EACH,
    repeats: int = REPEATS,
) -> Figures:
    """Milliseconds per agent and step on one device and on all there are.

    Host devices that share a processor (`--xla_force_host_platform_device_count`) show what sharing
    costs, not what it gains.

    Args:
      plan: of a run of meta-gradients; by default LPG's laptop run.
      agents_on_each: agents on each device.
      repeats: timed steps of each.
    """
    plan = plan or preset_plan(Methods().find("lpg"), "laptop")
    numbers = sorted({1, len(jax.devices())})
    cases = [(number, agents) for agents in agents_on_each for number in numbers]
    steps = [_stepper(plan, number, number * agents) for number, agents in cases]
    seconds = alternate_seconds(*steps, repeats=repeats)
    return {
        f"milliseconds_per_agent_on_{number}_devices_with_{agents}_each": median(
            1e3 * row / (number * agents)
        )
        for (number, agents), row in zip(cases, seconds, strict=True)
    }


def _stepper(plan: Plan, num_devices: int, num_agents: int) -> Callable[[], Any]:
    method = plan.run.method
    meta = replace(method.meta, num_agents=num_agents)
    experiment = replace(plan, run=replace(plan.run, method=replace(method, meta=meta))).experiment
    with under(choose_mesh(num_agents, str(num_devices))):
        state = initial_state(experiment.method, plan.run.seed)
        program = trace_chunk(experiment, state, 1).lower().compile()

    def step():
        nonlocal state
        state, (means, _) = program(state)
        return means

    return step
