"""Benchmarks of compiled programs, at sizes that compile and run quickly."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.experiments.bench import cheap_talk, evolution, meta_step
from rlsuite.experiments.bench.gridworld import grid_world
from rlsuite.experiments.bench.ppo import ppo
from rlsuite.experiments.bench.processes import in_fresh_process
from rlsuite.experiments.bench.timing import matrix_product
from rlsuite.experiments.build import Experiment
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.method import Method
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture
def built(monkeypatch) -> list:
    """The configurations that were built, each into a method that compiles in no time."""
    configs = []

    def step(state):
        return state + 1, {"lifetimes_ended": state}

    def build(config):
        configs.append(config)
        return Experiment(Method(lambda key: jnp.zeros(()), step), 1, 1, ())

    for module in (meta_step, evolution):
        monkeypatch.setattr(module, "build", build)
    return configs


def test_grid_world():
    figures = grid_world(num_worlds=4, num_steps=20, repeats=1)
    assert len(figures) == 5 and all(value > 0 for value in figures.values())


@pytest.mark.parametrize(("num_agents", "mini_batches"), [(3, 1), (4, 1), (16, 4), (18, 1)])
def test_agents_are_taken_four_at_a_time_where_that_comes_out_even(num_agents, mini_batches):
    meta = meta_step.sized("groove", num_agents).meta
    assert (meta.num_agents, meta.num_mini_batches) == (num_agents, mini_batches)
    assert (config.life.num_workers, config.life.rollout_length, meta.num_updates) == (64, 20, 5)


def test_lpg_step(built, monkeypatch):
    monkeypatch.setattr(meta_step, "matrix_product", partial(matrix_product, 64))
    figures = meta_step.lpg_step(num_agents=32, repeats=3)
    assert [config.meta.num_agents for config in built] == [32]
    assert figures["agents"] == 32
    assert figures["mini-batches"] == built[0].meta.num_mini_batches
    assert figures["agents per second"] == pytest.approx(32 / figures["seconds"])
    assert figures["fraction of the float32 matrix-product rate"] > 0


def test_groove_takes_turns_with_lpg_for_as_long_as_a_life(built):
    figures = meta_step.groove_step(num_agents=4)
    assert [type(config).__name__ for config in built] == ["GrooveRun", "LPGRun"]
    assert figures["steps of each"] == 250 / 5
    # The stand-in reports as many ended lives as steps were made before; the warm-up's don't count.
    assert figures["lives ended per agent"] == sum(range(1, 51)) / 4
    assert figures["GROOVE's time over LPG's"] == pytest.approx(
        figures["GROOVE's seconds per step"] / figures["LPG's seconds per step"]
    )


def test_scaling(built):
    figures = meta_step.scaling((2, 4), repeats=1)
    assert [config.meta.num_agents for config in built] == [2, 4]
    assert figures["time per agent, 4 agents over 2"] == pytest.approx(
        figures["seconds per agent, 4 agents"] / figures["seconds per agent, 2 agents"]
    )


def test_the_wait_before_the_first_step(built, monkeypatch):
    monkeypatch.setattr(meta_step, "enable_compilation_cache", lambda: None)
    seconds = meta_step.compile_seconds("groove", num_agents=2, size="smoke")
    phases = [seconds[phase] for phase in ("initial state", "tracing", "compiling")]
    assert min(phases) > 0 and seconds["all three"] == pytest.approx(sum(phases))


def test_real_steps_in_a_fresh_process_that_keeps_its_programs(tmp_path):
    options = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(tmp_path),
        "jax_disable_most_optimizations": True,
    }
    figures = in_fresh_process(
        "rlsuite.experiments.bench.meta_step:memory_use",
        jax_options=options,
        num_agents=2,
        size="smoke",
    )
    assert figures["peak resident"] > 10 and figures["compiled temporary"] > 0
    assert any(tmp_path.iterdir())


def test_the_state_is_donated(built):
    advance = meta_step.stepper(meta_step.sized("lpg", 2, "smoke"))
    first, _ = advance()
    advance()
    assert isinstance(first, jax.Array) and first.is_deleted()


def test_pairs_of_candidates_live_one_after_another_and_equally_long():
    config = evolution.sized(8, 30)
    assert (config.min_lifetime, config.max_lifetime) == (30, 30)
    assert (config.meta.population_size, config.meta.num_mini_batches) == (8, 4)
    assert (config.life.num_workers, config.life.rollout_length) == (64, 20)
    assert config.objective.time == "progress_and_lifetime"


def test_ta_lpg(built, monkeypatch):
    monkeypatch.setattr(evolution, "matrix_product", partial(matrix_product, 64))

    def seconds(*functions, repeats):
        """As if a generation took 25 seconds and a product a nanosecond."""
        assert len(functions) == 2
        return np.array([[25.0] * repeats, [1e-9] * repeats])

    monkeypatch.setattr(evolution, "alternate_seconds", seconds)
    figures = evolution.ta_lpg(population_size=4, memory_population_size=6)
    sizes = [(config.meta.population_size, config.max_lifetime) for config in built]
    assert sizes == [(4, 25), (6, 250)]
    life = figures["seconds per candidate and 250 updates, scaled from 25"]
    assert life == pytest.approx(250 / 4)
    operations = figures["fraction of the matrix-product rate"] * life * 2 * 64**3 / 1e-9
    recurrent_operations = 250 * 64 * 20 * 2 * 256 * 768
    assert operations == pytest.approx(recurrent_operations, rel=0.02)


def test_the_compiler_tells_the_memory_of_a_generation():
    assert evolution.temporary_megabytes(evolution.sized(2, 3, "smoke")) > 0


def test_ppo():
    config = PPOConfig(num_epochs=1, num_mini_batches=1)
    tiny = PPOSettings(NetworkConfig("perceptron", (4,)), config, 2, 8, 2)
    figures = ppo({"CartPole-v1": tiny}, repeats=1)
    assert list(figures) == ["thousand world steps per second, CartPole-v1"]
    assert all(value > 0 for value in figures.values())


def test_act(built, monkeypatch):
    monkeypatch.setattr(cheap_talk, "matrix_product", partial(matrix_product, 64))
    figures = cheap_talk.act(num_victims=8, population_size=64, repeats=1)
    timed, compiled = (config.meta for config in built)
    assert (timed.population_size, timed.num_mini_batches) == (8, 1)
    assert (compiled.population_size, compiled.num_mini_batches) == (64, 8)
    assert (timed.num_workers, timed.rollout_length) == (4, 256)
    assert figures["victims per second"] > 0
    assert figures["fraction of the matrix-product rate"] > 0


def test_operations_of_a_victim_are_six_for_each_weight_and_sample():
    config = cheap_talk.sized(2, 2)
    networks = replace(config.networks, hidden_widths=(3, 5))
    config = replace(config, networks=networks, min_lifetime=1, max_lifetime=1)
    # Policy: 6 × 3, 3 × 5 and 5 × 2 weights; critic: 6 × 3, 3 × 5 and 5 × 1.
    weights = (18 + 15 + 10) + (18 + 15 + 5)
    assert cheap_talk.victim_flop(config) == 6 * weights * 1024 * 16
