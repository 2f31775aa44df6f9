"""Benchmarks of compiled programs, at sizes that compile and run quickly."""

import re
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import ActorCriticConfig
from rlsuite.envs.games import ordinal_games
from rlsuite.experiments.bench import processes, programs
from rlsuite.experiments.bench.families.bandits.playing import bandits, compiled, in_numpy
from rlsuite.experiments.bench.families.cheap_talk import victims
from rlsuite.experiments.bench.families.exploration import returning
from rlsuite.experiments.bench.families.games import playing as matches
from rlsuite.experiments.bench.families.grid_world.stepping import grid_world
from rlsuite.experiments.bench.families.learned_policy_gradient import (
    generation,
    meta_step,
    whole_runs,
)
from rlsuite.experiments.bench.families.ppo.training import ppo
from rlsuite.experiments.bench.families.quality_diversity import exploring
from rlsuite.experiments.bench.families.runs.overhead import overhead
from rlsuite.experiments.bench.families.runs.seeds import seeds
from rlsuite.experiments.bench.families.runs.sharing import devices
from rlsuite.experiments.bench.processes import in_fresh_process
from rlsuite.experiments.bench.timing import matrix_product
from rlsuite.experiments.methods.learned_policy_gradient import GROOVE, LPG
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.ppo_settings import PPOSettings
from rlsuite.experiments.specs import Experiment
from rlsuite.method import Method
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from tests.experiments.running import plan_of

CHEAP, CHEAP_SMOKE = "weighted-tallying-bandits", "weighted_tallying_bandits_smoke"
"""What compiles soonest of all methods, and what it is called in figures."""
DOCS = Path(__file__).parents[2] / "docs" / "performance.md"


def undocumented(benchmark, figures):
    """Keys that the docs don't list, whatever the numbers in them; GROOVE's and a warm cache's are
    listed as LPG's and a cold one's."""
    _, row = DOCS.read_text().split(f"\n| `{benchmark}` | ")
    listed = {without_numbers(name) for name in re.findall(r"`(\w+)`", row.split("\n")[0])}
    if benchmark == "compile":
        figures = {name.replace("groove", "lpg").replace("warm", "cold") for name in figures}
    return {without_numbers(name) for name in figures} - listed


def without_numbers(name):
    assert re.fullmatch("[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name.startswith("_at_")
    return re.sub("[0-9]+", "N", name)


@pytest.fixture
def built(monkeypatch) -> list:
    """The plans that were built, each into a method that compiles in no time."""
    plans = []

    def step(state):
        return state + 1, {"lifetimes_ended": state}

    def build(plan):
        plans.append(plan)
        return Experiment(Method(lambda key: jnp.zeros(()), step), 1, 1, ())

    monkeypatch.setattr(Plan, "experiment", property(build))
    return plans


def test_grid_world():
    figures = grid_world(num_worlds=4, num_steps=20, repeats=1)
    assert len(figures) == 5 and all(value > 0 for value in figures.values())
    assert undocumented("gridworld", figures) == set()


def test_bandits():
    figures = bandits(num_games=8, num_rounds=20, repeats=1)
    assert len(figures) == 5 and all(value > 0 for value in figures.values())
    assert undocumented("bandits", figures) == set()


def test_go_explore():
    figures = returning.go_explore(num_steps=2, repeats=1, preset="smoke")
    assert len(figures) == 4 and all(value > 0 for value in figures.values())
    assert undocumented("go-explore", figures) == set()


def test_searches():
    figures = exploring.searches(num_steps=1, repeats=1, preset="smoke")
    assert len(figures) == 4 and all(value > 0 for value in figures.values())
    assert undocumented("searches", figures) == set()


def test_games():
    figures = matches.games(num_games=1, num_rounds=4, repeats=1)
    assert len(figures) == 5 and all(value > 0 for value in figures.values())
    assert undocumented("games", figures) == set()


def test_loops_of_numpy_play_the_same_matches():
    payoffs = ordinal_games()[[5, 40]]
    machines = matches.tables(payoffs, 6)
    expected = matches.one_by_one(payoffs, machines, 6)
    np.testing.assert_array_equal(matches.in_numpy(payoffs, machines, 6), expected)
    np.testing.assert_allclose(matches.compiled(payoffs, 6)(), expected)


def test_the_loop_of_numpy_plays_the_same_game():
    """Where payoffs are certain, nothing is left to chance."""
    payoffs = np.tile(np.array([[0, 0, 0, 1, 1, 1, 1], [0] * 7, [1] * 7], np.float32), (2, 1, 1))
    np.testing.assert_allclose(compiled(jnp.asarray(payoffs), 60)(), in_numpy(payoffs, 60), 1e-6)


@pytest.mark.parametrize(("num_agents", "mini_batches"), [(3, 1), (4, 1), (16, 4), (18, 1)])
def test_agents_are_taken_four_at_a_time_where_that_comes_out_even(num_agents, mini_batches):
    config = meta_step.sized(GROOVE, num_agents).run.method
    meta = config.meta
    assert (meta.num_agents, meta.num_mini_batches) == (num_agents, mini_batches)
    assert (config.life.num_workers, config.life.rollout_length, meta.num_updates) == (64, 20, 5)


def test_lpg_step(built, monkeypatch):
    monkeypatch.setattr(meta_step, "matrix_product", partial(matrix_product, 64))
    figures = meta_step.lpg_step(num_agents=32, repeats=3)
    assert [plan.run.method.meta.num_agents for plan in built] == [32]
    assert figures["agents"] == 32
    assert figures["mini_batches"] == built[0].run.method.meta.num_mini_batches
    assert figures["agents_per_second"] == pytest.approx(32 / figures["seconds_per_step"])
    assert figures["fraction_of_float32_matrix_product_rate"] > 0
    assert undocumented("lpg-step", figures) == set()


def test_groove_takes_turns_with_lpg_for_as_long_as_a_life(built):
    figures = meta_step.groove_step(num_agents=4)
    assert [plan.spec.name for plan in built] == ["groove", "lpg"]
    assert figures["steps_of_each"] == 250 / 5
    # The stand-in reports as many ended lives as steps were made before; the warm-up's don't count.
    assert figures["lives_ended_per_agent"] == sum(range(1, 51)) / 4
    assert figures["time_ratio_of_groove_to_lpg"] == pytest.approx(
        figures["groove_seconds_per_step"] / figures["lpg_seconds_per_step"]
    )
    assert undocumented("groove-step", figures) == set()


def test_scaling(built):
    figures = meta_step.scaling((2, 4), repeats=1)
    assert [plan.run.method.meta.num_agents for plan in built] == [2, 4]
    assert figures["time_per_agent_ratio_of_4_to_2_agents"] == pytest.approx(
        figures["seconds_per_agent_at_4_agents"] / figures["seconds_per_agent_at_2_agents"]
    )
    assert undocumented("scaling", figures) == set()


def test_the_wait_before_the_first_step(built, monkeypatch):
    seconds = meta_step.compile_seconds("groove", num_agents=2, size="smoke")
    phases = [seconds[phase] for phase in ("initial_state", "tracing", "compiling")]
    assert min(phases) > 0 and seconds["all_three"] == pytest.approx(sum(phases))

    monkeypatch.setattr(whole_runs, "in_fresh_process", lambda *_, **__: seconds)
    assert undocumented("compile", whole_runs.compilation()) == set()


def test_memory_and_startup_are_documented_too(monkeypatch):
    use = {"peak_resident": 1.0, "compiled_temporary": 1.0}
    monkeypatch.setattr(whole_runs, "in_fresh_process", lambda *_, **__: use)
    assert undocumented("memory", whole_runs.memory()) == set()
    monkeypatch.setattr(processes, "_interpreter", lambda code: lambda: None)
    assert undocumented("startup", processes.startup()) == set()


def test_real_steps_in_a_fresh_process_that_keeps_its_programs(tmp_path):
    options = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": str(tmp_path),
        "jax_disable_most_optimizations": True,
    }
    figures = in_fresh_process(
        f"{meta_step.__name__}:memory_use",
        jax_options=options,
        num_agents=2,
        size="smoke",
    )
    assert figures["peak_resident"] > 10 and figures["compiled_temporary"] > 0
    assert any(tmp_path.iterdir())


def test_the_state_is_donated(built):
    advance = programs.stepper(meta_step.sized(LPG, 2, "smoke"))
    first, _ = advance()
    advance()
    assert isinstance(first, jax.Array) and first.is_deleted()


def test_pairs_of_candidates_live_one_after_another_and_equally_long():
    run = generation.sized(8, 30).run
    config = run.method
    assert (run.min_lifetime, run.max_lifetime) == (30, 30)
    assert (config.meta.population_size, config.meta.num_mini_batches) == (8, 4)
    assert (config.life.num_workers, config.life.rollout_length) == (64, 20)
    assert config.objective.time == "progress_and_lifetime"


def test_ta_lpg(built, monkeypatch):
    monkeypatch.setattr(generation, "matrix_product", partial(matrix_product, 64))

    def seconds(*functions, repeats):
        """As if a generation took 25 seconds and a product a nanosecond."""
        assert len(functions) == 2
        return np.array([[25.0] * repeats, [1e-9] * repeats])

    monkeypatch.setattr(generation, "alternate_seconds", seconds)
    figures = generation.ta_lpg(population_size=4, memory_population_size=6)
    sizes = [(plan.run.method.meta.population_size, plan.run.max_lifetime) for plan in built]
    assert sizes == [(4, 25), (6, 250)]
    life = figures["seconds_per_candidate_and_250_updates"]
    assert life == pytest.approx(250 / 4)
    operations = figures["fraction_of_matrix_product_rate"] * life * 2 * 64**3 / 1e-9
    recurrent_operations = 250 * 64 * 20 * 2 * 256 * 768
    assert operations == pytest.approx(recurrent_operations, rel=0.02)
    assert undocumented("ta-lpg", figures) == set()


def test_the_compiler_tells_the_memory_of_a_step():
    assert programs.temporary_megabytes(plan_of(CHEAP)) > 0


def test_ppo():
    config = PPOConfig(num_epochs=1, num_mini_batches=1)
    tiny = PPOSettings(ActorCriticConfig("perceptron", (4,)), config, 2, 8, 2)
    figures = ppo({"CartPole-v1": tiny}, repeats=1)
    assert list(figures) == ["thousand_world_steps_per_second_on_cartpole_v1"]
    assert undocumented("ppo", figures) == set()
    assert all(value > 0 for value in figures.values())


def test_act(built, monkeypatch):
    monkeypatch.setattr(victims, "matrix_product", partial(matrix_product, 64))
    figures = victims.act(num_victims=8, population_size=64, repeats=1)
    timed, compiled = (plan.run.method.meta for plan in built)
    assert (timed.population_size, timed.num_mini_batches) == (8, 1)
    assert (compiled.population_size, compiled.num_mini_batches) == (64, 8)
    life = built[0].run.method.life
    assert (life.num_workers, life.rollout_length) == (4, 256)
    assert undocumented("act", figures) == set()
    assert figures["victims_per_second"] > 0
    assert figures["fraction_of_matrix_product_rate"] > 0


def test_operations_of_a_victim_are_six_for_each_weight_and_sample():
    run = victims.sized(2, 2).run
    networks = replace(run.method.networks, hidden_widths=(3, 5))
    method = replace(run.method, networks=networks)
    run = replace(run, method=method, min_lifetime=1, max_lifetime=1)
    # Policy: 6 × 3, 3 × 5 and 5 × 2 weights; critic: 6 × 3, 3 × 5 and 5 × 1.
    weights = (18 + 15 + 10) + (18 + 15 + 5)
    assert victims.victim_flop(run) == 6 * weights * 1024 * 16


def test_the_overhead_of_a_run_is_measured_by_its_parts():
    figures = overhead([plan_of(CHEAP, log_every=4)], repeats=1)
    parts = ("checkpoint", "line", "checks", "chunk")
    assert set(figures) == {
        f"{CHEAP_SMOKE}_overhead_percent",
        *(f"{CHEAP_SMOKE}_{part}_milliseconds" for part in parts),
    }
    assert all(value > 0 for value in figures.values())
    listed = {name.replace(CHEAP_SMOKE, "groove_laptop"): value for name, value in figures.items()}
    assert not undocumented("overhead", listed)


def test_time_per_agent_is_measured_by_devices(built):
    figures = devices(plan_of("lpg"), agents_on_each=(2, 6), repeats=1)
    assert [plan.run.method.meta.num_agents for plan in built] == [2, 6]
    assert list(figures) == [
        f"milliseconds_per_agent_on_1_devices_with_{agents}_each" for agents in (2, 6)
    ]
    assert all(value > 0 for value in figures.values())
    assert not undocumented("devices", figures)


def test_what_seeds_side_by_side_save_is_measured_by_method():
    # As long as above: the program of one seed is the same, and compiled.
    figures = seeds([plan_of(CHEAP, log_every=4)], num_seeds=2, repeats=1)
    saved = figures[f"{CHEAP_SMOKE}_seconds_in_turn_per_second_side_by_side"]
    assert set(figures) == {
        f"{CHEAP_SMOKE}_seconds_in_turn_per_second_side_by_side",
        f"{CHEAP_SMOKE}_seconds_of_compiling_saved",
    }
    assert saved > 0
    listed = {name.replace(CHEAP_SMOKE, "a2c_smoke"): value for name, value in figures.items()}
    assert not undocumented("seeds", listed)
