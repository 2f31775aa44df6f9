"""The speed of meta-gradient steps, compiled as a run compiles them and with the state donated."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from rlsuite.experiments.bench import Figures
from rlsuite.experiments.bench.processes import peak_resident_bytes
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, matrix_product, median
from rlsuite.experiments.build import Experiment, build
from rlsuite.experiments.compiling import enable_compilation_cache
from rlsuite.experiments.configs import LPGRun, RunConfig
from rlsuite.experiments.presets import preset
from rlsuite.experiments.runner import initial_state
from rlsuite.experiments.validation import validate
from rlsuite.method import State

LPG_NETWORK_FLOP = 7.5e9
"""Operations of the learned network per agent and meta-step at the paper's sizes: 64 workers × 20
steps × 5 updates through a recurrent layer of width 256, forwards and backwards."""

AGENTS_AT_A_TIME = 4
"""Agents in a mini-batch on a CPU, whose cores more of them at once would not keep busier."""


def sized(method: str, num_agents: int, size: str = "paper") -> LPGRun:
    """A preset with another number of agents, on a CPU in mini-batches of 4 where 4 divides it.

    Args:
      method: `lpg` or `groove`.
      num_agents: agents side by side.
      size: the preset's name.
    """
    config = preset(method, size)
    assert isinstance(config, LPGRun)
    meta = replace(config.meta, num_agents=num_agents)
    if jax.default_backend() == "cpu" and num_agents % AGENTS_AT_A_TIME == 0:
        meta = replace(meta, num_mini_batches=num_agents // AGENTS_AT_A_TIME)
    return replace(config, meta=meta)


def lower_step(experiment: Experiment, state: State) -> jax.stages.Lowered:
    """One step, traced and not yet compiled; it reuses the memory of the state it is given."""
    return experiment.jit(experiment.method.step, donate_argnums=0).lower(state)


def stepper(config: RunConfig) -> Callable[[], Any]:
    """A run from its start: each call makes the next step and returns the state and metrics."""
    experiment = build(config)
    state = initial_state(experiment.method, config.seed)
    program = lower_step(experiment, state).compile()

    def advance():
        nonlocal state
        state, metrics = program(state)
        return state, metrics

    return advance


def lpg_step(num_agents: int = 16, size: str = "paper", repeats: int = REPEATS) -> Figures:
    """One meta-gradient step, beside the machine's matrix products.

    Args:
      num_agents: agents side by side.
      size: the preset's name; the fraction is meant for the paper's sizes.
      repeats: timed steps.
    """
    config = sized("lpg", num_agents, size)
    precisions = ["float32"]
    if jax.default_backend() == "gpu":
        precisions.append("tensorfloat32")
    products = {precision: matrix_product(precision=precision) for precision in precisions}
    seconds, *product_seconds = alternate_seconds(
        stepper(config), *(product.run for product in products.values()), repeats=repeats
    )
    figures = {
        "agents": float(num_agents),
        "mini-batches": float(config.meta.num_mini_batches),
        "seconds": median(seconds),
        "agents per second": num_agents / median(seconds),
    }
    achieved = LPG_NETWORK_FLOP * num_agents / seconds
    for (precision, product), each in zip(products.items(), product_seconds, strict=True):
        rate = product.amount / each
        figures[f"{precision} matrix-product GFLOP/s"] = median(rate) / 1e9
        figures[f"fraction of the {precision} matrix-product rate"] = median(achieved / rate)
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
    config = sized("groove", num_agents, size)
    longest = validate(config).lifetime_range[1]
    num_steps = num_steps or -(-longest // config.meta.num_updates)
    advance = stepper(config)
    lives_ended = []

    def advance_and_count():
        state, metrics = advance()
        lives_ended.append(float(metrics["lifetimes_ended"]))
        return state

    groove_seconds, lpg_seconds = alternate_seconds(
        advance_and_count, stepper(sized("lpg", num_agents, size)), repeats=num_steps
    )
    return {
        "agents": float(num_agents),
        "steps of each": float(num_steps),
        "lives ended per agent": sum(lives_ended[1:]) / num_agents,
        "GROOVE's seconds per step": float(groove_seconds.mean()),
        "LPG's seconds per step": float(lpg_seconds.mean()),
        "GROOVE's time over LPG's": float(groove_seconds.sum() / lpg_seconds.sum()),
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
    steppers = (stepper(sized("lpg", num_agents, size)) for num_agents in numbers_of_agents)
    seconds = alternate_seconds(*steppers, repeats=repeats)
    per_agent = seconds / np.asarray(numbers_of_agents)[:, None]
    smallest = numbers_of_agents[0]
    figures = {}
    for num_agents, each in zip(numbers_of_agents, per_agent, strict=True):
        figures[f"seconds per agent, {num_agents} agents"] = median(each)
        if num_agents != smallest:
            ratio = median(each / per_agent[0])
            figures[f"time per agent, {num_agents} agents over {smallest}"] = ratio
    return figures


def compile_seconds(method: str, num_agents: int, size: str) -> Figures:
    """Seconds that a run waits for before its first step; for a fresh process.

    Args:
      method: `lpg` or `groove`.
      num_agents: agents side by side.
      size: the preset's name.
    """
    enable_compilation_cache()
    experiment = build(sized(method, num_agents, size))
    times = [time.perf_counter()]
    state = jax.block_until_ready(initial_state(experiment.method, 0))
    times.append(time.perf_counter())
    lowered = lower_step(experiment, state)
    times.append(time.perf_counter())
    lowered.compile()
    times.append(time.perf_counter())
    return {
        "initial state": times[1] - times[0],
        "tracing": times[2] - times[1],
        "compiling": times[3] - times[2],
        "all three": times[3] - times[0],
    }


def memory_use(num_agents: int, size: str, num_steps: int = 3) -> Figures:
    """Megabytes that LPG's steps take; for a fresh process.

    Args:
      num_agents: agents side by side.
      size: the preset's name.
      num_steps: steps made before the peak is read.
    """
    experiment = build(sized("lpg", num_agents, size))
    state = initial_state(experiment.method, 0)
    program = lower_step(experiment, state).compile()
    for _ in range(num_steps):
        state, _ = program(state)
    jax.block_until_ready(state)
    figures = {"peak resident": peak_resident_bytes() / 1e6}
    analysis = program.memory_analysis()
    if analysis is not None:
        figures["compiled temporary"] = analysis.temp_size_in_bytes / 1e6
    return figures
