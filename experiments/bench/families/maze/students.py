"""The speed of mazes by themselves, and of students at the published size."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from rlsuite.compiling import jit
from rlsuite.envs.maze import Maze, random_level
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, matrix_product, median
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.methods.dr import StudentsConfig, dr
from rlsuite.students import StudentConfig

SIDE, MAX_WALLS = 13, 60


def maze(
    num_worlds: int = 1024,
    num_steps: int = 250,
    repeats: int = REPEATS,
    student: StudentConfig | None = None,
    life: LifeConfig | None = None,
) -> Figures:
    """Steps per second of mazes under random actions, and updates per second of DR's student.

    The student's memory multiplies as JAX does it, and once more with factors of bf16.

    Args:
      num_worlds: mazes side by side.
      num_steps: steps of each in one call.
      repeats: timed calls of each program.
      student: sizes of the student's network; by default the published ones.
      life: its workers and rollouts; likewise.
    """
    config = StudentsConfig()
    config = replace(config, student=student or config.student, life=life or config.life)
    short = replace(config, student=replace(config.student, precision="bf16"))
    product = matrix_product()
    walk, update, short_update, multiply = alternate_seconds(
        *(_random_walk(num_worlds, num_steps), _updates(config), _updates(short), product.run),
        repeats=repeats,
    )
    rate = product.amount / multiply
    return {
        "million_world_steps_per_second": median(num_worlds * num_steps / walk) / 1e6,
        "student_updates_per_second": median(1 / update),
        "bf16_student_updates_per_second": median(1 / short_update),
        "updates_ratio_of_bf16_to_default": median(update / short_update),
        "thousand_learned_steps_per_second": median(
            config.life.num_workers * config.life.rollout_length / update / 1e3
        ),
        "matrix_product_gflop_per_second": median(rate) / 1e9,
        "fraction_of_matrix_product_rate": median(update_flop(config) / update / rate),
    }


def update_flop(config: StudentsConfig) -> float:
    """Floating-point operations of the products in one rollout and the epochs on it.

    A product with its gradient counts three times, and so does each epoch; the rollout acts once,
    and judges as it acts. What limits cut is asked for besides, a few steps of it, and not counted.
    """
    student, (workers, length) = (
        config.student,
        (config.life.num_workers, config.life.rollout_length),
    )
    side, channels, products = 5, 3, 0
    for filters in student.num_filters:
        side -= 2
        products += side**2 * 9 * channels * filters
        channels = filters
    width, features = student.recurrent_width, side**2 * channels + student.embedding_width
    products += 4 * student.embedding_width + (features + width) * 4 * width
    for outputs in (3, 1):
        inputs = width
        for head in student.head_widths:
            products += inputs * head
            inputs = head
        products += inputs * outputs
    passes = 1 + 3 * config.ppo.num_epochs
    return 2.0 * products * passes * workers * length


def sample_task(key: jax.Array) -> Task:
    """A random maze, for as long as anybody measures."""
    return Task(random_level(key, Maze(SIDE), MAX_WALLS), jnp.int32(1_000_000))


def _random_walk(num_worlds: int, num_steps: int) -> Callable[[], Any]:
    world = Maze(SIDE)
    keys = jax.random.split(jax.random.key(0), num_worlds)
    levels = jit(jax.vmap(lambda key: sample_task(key).level))(keys)
    view, states = jit(jax.vmap(world.reset))(keys, levels)

    def step(levels, carry, key):
        states, _, total = carry
        action_key, step_key = jax.random.split(key)
        actions = jax.random.randint(action_key, (num_worlds,), 0, world.num_actions)
        # Nothing in a maze is drawn: one key serves all.
        view, states, reward, *_ = jax.vmap(world.step, in_axes=(None, 0, 0, 0))(
            step_key, states, actions, levels
        )
        # What is seen is carried along, so that no step of it can be left out.
        return (states, view, total + reward), None

    # Levels are arguments: what is known when a program is compiled is worked out then.
    def walk(levels, states, view, key):
        keys, start = jax.random.split(key, num_steps), (states, view, jnp.zeros(num_worlds))
        return jax.lax.scan(partial(step, levels), start, keys)[0]

    program = jit(walk)
    return lambda: program(levels, states, view, jax.random.key(1))


def _updates(config: StudentsConfig) -> Callable[[], Any]:
    """Each call makes the next update of one student."""
    method = dr(Maze(SIDE), sample_task, config, lifetime=1_000_000)
    state = jit(method.init)(jax.random.key(0))
    program = jit(method.step, donate_argnums=0)

    def advance():
        nonlocal state
        state, metrics = program(state)
        return state, metrics

    return advance
