"""How fast the suite is here, as rates and as fractions of what the machine can do."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from envs.gridworld.levels import level_distribution
from experiments import __version__
from experiments.build import build
from experiments.configs import preset
from experiments.errors import UserError, nearest
from experiments.runner import initial_state
from experiments.storage import write_text

REPEATS = 5
Figures = dict[str, float]


def bench(
    names: Sequence[str] = (), json_path: Path | None = None, *, console: Console | None = None
) -> dict[str, Figures]:
    """Runs benchmarks and prints a table of their figures.

    Args:
      names: of `BENCHMARKS`; all if none is named.
      json_path: where to write the figures as well, with the versions and the device.
      console: where to print; the terminal by default.

    Raises:
      UserError: if a name is unknown.
    """
    for name in names:
        if name not in BENCHMARKS:
            raise UserError(nearest("benchmark", name, BENCHMARKS))
    console = console or Console()
    table = Table("benchmark", "figure", "value", title=f"{jax.devices()[0].device_kind}")
    results = {}
    for name in names or BENCHMARKS:
        with console.status(f"{name} …"):
            results[name] = BENCHMARKS[name]()
        for figure, value in results[name].items():
            table.add_row(name, figure, f"{value:,.4g}")
    console.print(table)
    if json_path is not None:
        write_text(json_path, json.dumps(_document(results), indent=1) + "\n")
    return results


def grid_world() -> Figures:
    """Steps per second of 1024 worlds of `all` under random actions, index observation."""
    num_worlds, length = 1024, 1000
    distribution = level_distribution("all")
    world = distribution.world
    keys = jax.random.split(jax.random.key(0), num_worlds)
    levels, _ = jax.vmap(distribution.sample)(keys)
    _, states = jax.vmap(world.reset)(keys, levels)

    def step(states, key):
        action_key, world_key = jax.random.split(key)
        actions = jax.random.randint(action_key, (num_worlds,), 0, world.num_actions)
        observations, states, rewards, *_ = jax.vmap(world.step)(
            jax.random.split(world_key, num_worlds), states, actions, levels
        )
        return states, (observations.index.sum(), rewards.sum())

    def run(states, key):
        return jax.lax.scan(step, states, jax.random.split(key, length))

    seconds = _median_seconds(jax.jit(run), states, jax.random.key(1))
    return {"steps per second": num_worlds * length / seconds}


def lpg_step() -> Figures:
    """One meta-gradient step at the paper's sizes with 16 agents, beside the matrix products.

    The learned network alone is 7.5 GFLOP per agent: 64 workers × 20 steps × 5 updates through a
    recurrent layer of width 256, forwards and backwards.
    """
    config = preset("lpg", "paper")
    config = replace(config, meta=replace(config.meta, num_agents=16))
    method = build(config).method
    state = initial_state(method, 0)
    seconds = _median_seconds(jax.jit(method.step), state)
    agents_per_second = config.meta.num_agents / seconds
    peak = matrix_product_rate()
    return {
        "seconds": seconds,
        "agents per second": agents_per_second,
        "matrix-product GFLOP/s": peak / 1e9,
        "fraction of the matrix-product rate": 7.5e9 * agents_per_second / peak,
    }


BENCHMARKS: dict[str, Callable[[], Figures]] = {"gridworld": grid_world, "lpg-step": lpg_step}


def matrix_product_rate(size: int = 2048) -> float:
    """Floating-point operations per second of a float32 matrix product on this device."""
    matrix = jax.random.normal(jax.random.key(0), (size, size))
    return 2 * size**3 / _median_seconds(jax.jit(jnp.matmul), matrix, matrix)


def _median_seconds(function: Callable[..., Any], *arguments: Any) -> float:
    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        seconds.append(time.perf_counter() - began)
    return float(np.median(seconds))


def _document(results: dict[str, Figures]) -> dict[str, Any]:
    libraries = ("jax", "jaxlib", "gymnax", "flax", "optax")
    return {
        "device": jax.devices()[0].device_kind,
        "versions": {"rlsuite": __version__, **{name: version(name) for name in libraries}},
        "benchmarks": results,
    }
