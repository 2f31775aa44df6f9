"""The speed of training PPO agents."""

from collections.abc import Callable
from typing import Any

import gymnax
import jax
import jax.numpy as jnp

from rlsuite.compiling import jit
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.worlds.gymnax_worlds import ppo_settings
from rlsuite.lifetime import Task

WORLDS = ("CartPole-v1", "Pendulum-v1")


def ppo(presets: dict[str, PPOSettings] | None = None, repeats: int = REPEATS) -> Figures:
    """World steps per second of PPO's whole training, from a fresh agent to the end of its life.

    Args:
      presets: by world; CartPole and Pendulum as tuned if there are none.
      repeats: timed trainings on each world.
    """
    presets = presets or {world: ppo_settings(world) for world in WORLDS}
    seconds = alternate_seconds(
        *(_training(world, preset) for world, preset in presets.items()), repeats=repeats
    )
    return {
        f"thousand_world_steps_per_second_on_{_snake_case(world)}": median(
            preset.num_steps / row / 1e3
        )
        for (world, preset), row in zip(presets.items(), seconds, strict=True)
    }


def _snake_case(name: str) -> str:
    return name.lower().replace("-", "_")


def _training(world_name: str, preset: PPOSettings) -> Callable[[], Any]:
    world, params = gymnax.make(world_name)
    life = preset.life(world)
    task = Task(jax.tree.map(jnp.asarray, params), jnp.int32(preset.lifetime))
    program = jit(lambda key: life.whole(key, (), task))
    return lambda: program(jax.random.key(0))
