"""The speed of meta-gradient steps."""

from collections.abc import Sequence
from dataclasses import replace

import jax
import numpy as np

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.programs import (
    megabytes_of_steps,
    preset_plan,
    seconds_before_the_first_step,
    stepper,
)
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, matrix_product, median
from rlsuite.experiments.methods.learned_policy_gradient import GROOVE, LPG
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.specs import MethodSpec, required

LPG_NETWORK_FLOP = 7.5e9
"""Operations of the learned network per agent and meta-step at the paper's sizes: 64 workers × 20
steps × 5 updates through a recurrent layer of width 256, forwards and backwards."""

AGENTS_AT_A_TIME = 4
"""Agents in a mini-batch on a CPU, whose cores more of them at once would not keep busier."""


def sized(spec: MethodSpec, num_agents: int, size: str = "paper") -> Plan:
    """A preset with another number of agents, on a CPU in mini-batches of 4 where 4 divides it.

    Args:
      spec: LPG's or GROOVE's.
      num_agents: agents side by side.
      size: the preset's name.
    """
    plan = preset_plan(spec, size)
    method = plan.run.method
    meta = replace(method.meta, num_agents=num_agents)
    if jax.default_backend() == "cpu" and num_agents % AGENTS_AT_A_TIME == 0:
        meta = replace(meta, num_mini_batches=num_agents // AGENTS_AT_A_TIME)
    return replace(plan, run=replace(plan.run, method=replace(method, meta=meta)))


def lpg_step(num_agents: int = 16, size: str = "paper", repeats: int = REPEATS) -> Figures:
    """One meta-gradient step, beside the machine's matrix products.

    Args:
      num_agents: agents side by side.
      size: the preset's name; the fraction is meant for the paper's sizes.
      repeats: timed steps.
    """
    plan = sized(LPG, num_agents, size)
    precisions = ["float32"]
    if jax.default_backend() == "gpu":
        precisions.append("tensorfloat32")
    products = {precision: matrix_product(precision=precision) for precision in precisions}
    seconds, *product_seconds = alternate_seconds(
        stepper(plan), *(product.run for product in products.values()), repeats=repeats
    )
    figures = {
        "agents": float(num_agents),
        "mini_batches": float(plan.run.method.meta.num_mini_batches),
        "seconds_per_step": median(seconds),
        "agents_per_second": num_agents / median(seconds),
    }
    achieved = LPG_NETWORK_FLOP * num_agents / seconds
    for (precision, product), each in zip(products.items(), product_seconds, strict=True):
        rate = product.amount / each
        figures[f"{precision}_matrix_product_gflop_per_second"] = median(rate) / 1e9
        figures[f"fraction_of_{precision}_matrix_product_rate"] = median(achieved / rate)
    return figures


def groove_step(num_agents: int = 4, size: str = "paper", num_steps: int | None = None) -> Figures:
    """Steps of GROOVE over as many of LPG, the two taking turns.

    A step in which lives end costs an evaluation, a score and a fresh agent more. Where lifetimes
    are equal, each agent's place sees that once in as many steps as a lifetime has, so the ratio is
    that of a long run.

    Args:
      num_agents: agents side by side.
      size: the presets' name.
      num_steps: of each method; by default as many as the longest lifetime has.
    """
    plan = sized(GROOVE, num_agents, size)
    longest = required(plan.world).lifetime_range[1]
    num_steps = num_steps or -(-longest // plan.run.method.meta.num_updates)
    advance = stepper(plan)
    lives_ended = []

    def advance_and_count():
        state, metrics = advance()
        lives_ended.append(float(metrics["lifetimes_ended"]))
        return state

    groove_seconds, lpg_seconds = alternate_seconds(
        advance_and_count, stepper(sized(LPG, num_agents, size)), repeats=num_steps
    )
    return {
        "agents": float(num_agents),
        "steps_of_each": float(num_steps),
        "lives_ended_per_agent": sum(lives_ended[1:]) / num_agents,
        "groove_seconds_per_step": float(groove_seconds.mean()),
        "lpg_seconds_per_step": float(lpg_seconds.mean()),
        "time_ratio_of_groove_to_lpg": float(groove_seconds.sum() / lpg_seconds.sum()),
    }


def scaling(
    numbers_of_agents: Sequence[int] = (16, 64, 256), size: str = "paper", repeats: int = 3
) -> Figures:
    """Time per agent of LPG's step, and its ratio to that of the smallest number of agents.

    Args:
      numbers_of_agents: side by side, the smallest first.
      size: the preset's name.
      repeats: timed steps of each.
    """
    steppers = (stepper(sized(LPG, num_agents, size)) for num_agents in numbers_of_agents)
    seconds = alternate_seconds(*steppers, repeats=repeats)
    per_agent = seconds / np.asarray(numbers_of_agents)[:, None]
    smallest = numbers_of_agents[0]
    figures = {}
    for num_agents, each in zip(numbers_of_agents, per_agent, strict=True):
        figures[f"seconds_per_agent_at_{num_agents}_agents"] = median(each)
        if num_agents != smallest:
            ratio = median(each / per_agent[0])
            figures[f"time_per_agent_ratio_of_{num_agents}_to_{smallest}_agents"] = ratio
    return figures


def compile_seconds(method: str, num_agents: int, size: str) -> Figures:
    """Seconds that a run waits for before its first step; for a fresh process.

    Args:
      method: `lpg` or `groove`.
      num_agents: agents side by side.
      size: the preset's name.
    """
    spec = {spec.name: spec for spec in (LPG, GROOVE)}[method]
    return seconds_before_the_first_step(sized(spec, num_agents, size))


def memory_use(num_agents: int, size: str) -> Figures:
    """Megabytes that LPG's steps take; for a fresh process.

    Args:
      num_agents: agents side by side.
      size: the preset's name.
    """
    return megabytes_of_steps(sized(LPG, num_agents, size))
