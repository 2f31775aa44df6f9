"""Tests of evolution: what candidates are put to, and that they may be taken in any grouping."""

import os
import subprocess
import sys
import textwrap
from dataclasses import replace

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from evosax.algorithms.distribution_based import distribution_based_algorithms
from evosax.algorithms.population_based import population_based_algorithms

from rlsuite.agents import AgentConfig, make_agent
from rlsuite.lifetime import Life, Task
from rlsuite.meta.evolution import evolve, return_over_life
from rlsuite.meta.evolution_config import (
    EvolutionConfig,
    evolve_from_config,
    evolve_objective_from_config,
)
from rlsuite.meta.learning_rates import decaying
from rlsuite.meta.shaping import centred_rank, raw
from rlsuite.meta.strategies import from_evosax, open_es
from rlsuite.method import train
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.objective import Objective

CONFIG = EvolutionConfig(population_size=12, learning_rate=0.05, num_episodes=4)


def start(key):
    return {"a": jax.random.normal(key, (3,)), "b": jnp.zeros(())}


def parabola(key, parameters, target):
    """Best where the parameters are the task's target, give or take noise of the key."""
    distance = (parameters["a"] - target).sum() ** 2 + parameters["b"] ** 2
    return 0.1 * jax.random.normal(key) - distance


def run(method, num_steps, key=0):
    """The final state and the metrics of all steps."""
    return jax.jit(train(method, num_steps))(jax.random.key(key))


def assert_equal(first, second):
    def check(x, y):
        if jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
            x, y = jax.random.key_data(x), jax.random.key_data(y)
        np.testing.assert_array_equal(x, y)

    jax.tree.map(check, first, second)


def assert_close(first, second):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5), first, second)


# --- What candidates are put to -----------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["Open_ES", "Sep_CMA_ES"])
def test_both_of_a_pair_see_the_same_tasks_and_keys_and_no_other_pair_does(strategy):
    """With a fitness that only tells what a candidate was put to, each pair and it alone ties."""

    def seen(key, parameters, task):
        return 1000 * task + jax.random.uniform(key)

    config = replace(CONFIG, strategy=strategy, tasks_per_candidate=2)
    _, metrics = run(evolve_from_config(start, jax.random.uniform, seen, config), 3)
    np.testing.assert_array_equal(metrics["tied_pairs"], 1)
    assert (metrics["fitness_deviation"] > 10).all()
    assert len(np.unique(metrics["fitness"])) == 3
    if strategy == "Open_ES":  # A generation of ties moves nothing.
        np.testing.assert_array_equal(metrics["update_norm"], 0)


def test_fitness_is_the_mean_over_tasks():
    """Tasks that pay ±1 in turn: the mean over many is near zero and never beyond what one pays."""

    def spread(num_tasks):
        config = replace(CONFIG, tasks_per_candidate=num_tasks)
        method = evolve_from_config(
            start, jax.random.rademacher, lambda key, p, task: 1.0 * task, config
        )
        return run(method, 20)[1]["fitness_deviation"].mean()

    np.testing.assert_allclose(spread(16) / spread(1), 1 / 4, rtol=0.25)


def test_metrics_describe_the_population():
    """A fitness that is a coordinate of the candidates themselves: normal about the mean's, 0."""
    config = replace(CONFIG, population_size=400, shaping="z_score")
    method = evolve_from_config(start, lambda key: 0.0, lambda key, p, task: p["b"], config)
    state, metrics = run(method, 1)
    np.testing.assert_allclose(metrics["fitness"], 0, atol=1e-6)  # Mirror images cancel.
    np.testing.assert_allclose(metrics["fitness_deviation"], 0.1, rtol=0.2)
    np.testing.assert_allclose(metrics["fitness_max"], -metrics["fitness_min"], rtol=1e-6)
    assert metrics["tied_pairs"] == 0
    assert metrics["failed_candidates"] == 0
    first = jax.jit(method.init)(jax.random.key(0)).parameters
    moved = jnp.concatenate([state.parameters["a"] - first["a"], state.parameters["b"][None]])
    np.testing.assert_allclose(metrics["update_norm"], jnp.linalg.norm(moved), rtol=1e-4)


@pytest.mark.parametrize(
    ("fitness", "expected"),
    [
        (lambda key, p, task: jnp.minimum(p, 0.0), 0.5),
        (lambda key, p, task: jnp.minimum(p, -1.0), 1.0),
        (lambda key, p, task: p, 1 / 400),
        (lambda key, p, task: jnp.where(p > 0, jnp.nan, -1.0), 0.5),
    ],
    ids=["half at the ceiling", "all alike", "one stands out", "half failed"],
)
def test_fitness_is_saturated_as_far_as_candidates_are_at_the_most_there_is(fitness, expected):
    """Of mirrored candidates about 0 half are above it."""
    config = replace(CONFIG, population_size=400)
    method = evolve_from_config(lambda key: jnp.zeros(()), lambda key: 0, fitness, config)
    np.testing.assert_allclose(run(method, 1)[1]["saturated_fitness"], expected, rtol=1e-5)


@pytest.mark.parametrize("shaping", ["pairwise", "z_score", "centred_rank", "raw"])
@pytest.mark.parametrize("failure", [jnp.nan, jnp.inf])
def test_candidates_that_fail_count_as_worst_and_are_reported(shaping, failure):
    """Whatever is not finite: the mean leaves the half of the line that has no fitness."""

    def fitness(key, parameters, task):
        return jnp.where(parameters > 0.05, failure, -parameters)

    config = replace(CONFIG, shaping=shaping)
    method = evolve_from_config(lambda key: jnp.zeros(()), lambda key: 0, fitness, config)
    state, metrics = run(method, 10)
    assert metrics["failed_candidates"][0] > 0
    assert metrics["failed_candidates"][-1] == 0
    assert jnp.isfinite(metrics["fitness"]).all()
    assert state.parameters < -0.1


def test_a_generation_that_fails_altogether_leaves_the_mean_and_reports_nothing():
    method = evolve_from_config(start, lambda key: 0, lambda key, parameters, task: jnp.nan, CONFIG)
    _, metrics = run(method, 1)
    assert metrics["failed_candidates"] == CONFIG.population_size
    assert metrics["update_norm"] == 0
    of_the_others = ("fitness", "fitness_max", "fitness_min", "fitness_deviation")
    for name in (*of_the_others, "saturated_fitness"):
        assert jnp.isnan(metrics[name])
    assert metrics["tied_pairs"] == 1  # None of them has a winner.


@pytest.mark.parametrize(
    ("strategy", "shaping"),
    [("Open_ES", "pairwise"), ("Open_ES", "z_score"), ("CMA_ES", "centred_rank"), ("SNES", "raw")],
)
def test_a_generation_that_fails_altogether_moves_nothing_by_momentum_either(strategy, shaping):
    """Three generations of progress, then failures alone: the state stays, but for its key."""

    def fitness(key, parameters, task):
        return jnp.where(task, parameters["b"], jnp.nan)

    config = replace(CONFIG, strategy=strategy, shaping=shaping)
    working, failing = (
        evolve_from_config(start, lambda key, works=works: jnp.array(works), fitness, config)
        for works in (True, False)
    )
    state, _ = run(working, 3)
    after, metrics = jax.jit(failing.step)(state)
    assert metrics["update_norm"] == 0
    assert_equal(after.strategy, state.strategy)
    assert jax.jit(working.step)(state)[1]["update_norm"] > 0


@pytest.mark.parametrize(
    ("decay", "floor", "expected"),
    [
        (0.5, 1e-3, [1e-2, 5e-3, 2.5e-3, 1.25e-3, 1e-3, 1e-3]),
        (1.0, 1e-3, [1e-2] * 6),
        (2.0, 1e-3, [1e-2, 2e-2, 4e-2, 8e-2, 0.16, 0.32]),
        (0.5, 0.1, [1e-2] * 6),
        (1.0, 0.1, [1e-2] * 6),
    ],
)
def test_learning_rates_fall_to_their_floor_and_are_not_cut_to_it(decay, floor, expected):
    schedule = decaying(1e-2, decay, floor)
    rates = [schedule(jnp.array(count)) for count in range(6)]
    np.testing.assert_allclose(rates, expected, rtol=1e-5)


def test_learning_rates_end_at_their_floor_however_long_the_run():
    rates = decaying(1e-2, 0.999, 1e-5)
    np.testing.assert_allclose(rates(jnp.array(2**31 - 1)), 1e-5, rtol=1e-6)


@pytest.mark.parametrize("strategy", ["Open_ES", "SimpleES"])
def test_the_mean_starts_at_zero_where_that_is_asked_for(strategy):
    def mean(first_mean):
        config = replace(CONFIG, strategy=strategy, first_mean=first_mean)
        method = evolve_from_config(start, lambda key: 0.0, lambda key, p, task: p["b"], config)
        return jax.jit(method.init)(jax.random.key(0)).parameters

    jax.tree.map(lambda leaf: np.testing.assert_array_equal(leaf, 0), mean("zero"))
    assert (np.asarray(mean("initialised")["a"]) != 0).all()


@pytest.mark.parametrize("decay", [0.9, 0.99])
def test_the_first_moment_decays_as_asked_for(decay):
    """Adam by hand, from the gradients that the mean's own steps are made of."""
    config = replace(CONFIG, first_moment_decay=decay, learning_rate=0.1, learning_rate_decay=1.0)

    def alternating(key, parameters, task):
        return jnp.where(jax.random.uniform(key) < 0.3, -1.0, 1.0) * parameters

    method = evolve_from_config(lambda key: jnp.zeros(()), lambda key: 0, alternating, config)
    state, step = jax.jit(method.init)(jax.random.key(0)), jax.jit(method.step)
    first, means = [], [float(state.parameters)]
    for _ in range(5):
        state, _ = step(state)
        means.append(float(state.parameters))
        first.append(float(state.strategy.memory[0].mu))
    moments = np.diff([0.0, *first]) / (1 - decay) + np.array([0.0, *first[:-1]])  # Gradients.
    first, second = np.zeros(()), np.zeros(())
    for count, gradient in enumerate(moments, 1):
        first = decay * first + (1 - decay) * gradient
        second = 0.999 * second + 0.001 * gradient**2
        scaled = (first / (1 - decay**count)) / np.sqrt(second / (1 - 0.999**count))
        np.testing.assert_allclose(means[count] - means[count - 1], -0.1 * scaled, rtol=1e-3)


# --- Values in place of names -------------------------------------------------------------------


def values(population_size=12):
    return open_es(population_size, standard_deviation=0.1, optimiser=optax.adam(0.05))


@pytest.mark.parametrize("candidates_per_task", [1, 3, 12])
def test_as_many_candidates_as_asked_for_share_their_tasks(candidates_per_task):
    """A fitness that only tells the task takes as many values as there are groups."""

    def seen(key, parameters, task):
        return 1000 * task + jax.random.uniform(key)

    told = []

    def shaping(fitness):
        jax.debug.callback(lambda values: told.append(np.asarray(values)), fitness)
        return raw(fitness)

    method = evolve(
        start,
        jax.random.uniform,
        seen,
        values(),
        shaping=shaping,
        candidates_per_task=candidates_per_task,
    )
    run(method, 1)
    jax.effects_barrier()
    groups = told[0].reshape(-1, candidates_per_task)
    np.testing.assert_array_equal(groups, np.broadcast_to(groups[:, :1], groups.shape))
    assert len(np.unique(groups)) == 12 // candidates_per_task


def test_an_odd_population_evolves_where_nothing_needs_pairs():
    """By a strategy of evosax as it comes, its own options among it."""
    mean = jax.tree.map(jnp.zeros_like, jax.eval_shape(start, jax.random.key(0)))
    algorithm = distribution_based_algorithms["Sep_CMA_ES"](population_size=7, solution=mean)
    strategy = from_evosax(algorithm, algorithm.default_params.replace(std_init=jnp.asarray(0.2)))
    options = {"shaping": centred_rank, "candidates_per_task": 7}
    method = evolve(start, lambda key: jnp.ones(()), parabola, strategy, **options)
    _, metrics = run(method, 30)
    assert metrics["fitness"][-5:].mean() > metrics["fitness"][:3].mean()


def test_states_show_the_mean(counting_life):
    evaluate = return_over_life(counting_life)
    method = evolve(lambda key: jnp.array(3.0), lambda key: None, evaluate, values())
    assert jax.jit(method.init)(jax.random.key(0)).parameters == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates_per_task": 5}, "candidates_per_task: 5 is not allowed; it must be a divisor"),
        ({"candidates_per_task": 0}, "candidates_per_task: 0 is not allowed"),
        ({"candidates_per_task": 12, "num_mini_batches": 2}, "it must be a divisor of 1"),
    ],
)
def test_groups_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError) as caught:
        evolve(start, jax.random.normal, parabola, values(), **options)
    assert message in str(caught.value)


def test_there_are_no_pairs_in_an_odd_population():
    algorithm = distribution_based_algorithms["SNES"](population_size=7, solution=jnp.zeros(3))
    with pytest.raises(ValueError, match=r"shaping: pairwise is not allowed; .* no pair"):
        evolve(
            jnp.zeros, jax.random.normal, parabola, from_evosax(algorithm), candidates_per_task=1
        )


def test_what_is_no_strategy_with_a_mean_is_refused():
    algorithm = population_based_algorithms["SimpleGA"](population_size=8, solution=jnp.zeros(3))
    with pytest.raises(ValueError, match="algorithm: SimpleGA is not allowed; it must be one of"):
        from_evosax(algorithm)
    algorithm = distribution_based_algorithms["SNES"](population_size=8, solution=jnp.zeros(3))
    with pytest.raises(ValueError, match="strategy: SNES is not allowed; it must be a Strategy"):
        evolve(jnp.zeros, jax.random.normal, parabola, algorithm)


# --- Groupings, order, resuming, seeds ----------------------------------------------------------

REPORTS = ("fitness", "fitness_max", "fitness_min", "fitness_deviation", "update_norm")


def in_mini_batches(num_mini_batches):
    config = replace(CONFIG, tasks_per_candidate=3, num_mini_batches=num_mini_batches)
    return run(evolve_from_config(start, jax.random.normal, parabola, config), 2)


@pytest.fixture(scope="module")
def in_one_batch():
    return in_mini_batches(1)


@pytest.mark.parametrize("num_mini_batches", [2, 18])
def test_mini_batches_change_nothing(in_one_batch, num_mini_batches):
    """Also where a candidate's own tasks are in different ones."""
    (state, metrics), (expected, expected_metrics) = in_mini_batches(num_mini_batches), in_one_batch
    assert_close(state.parameters, expected.parameters)
    assert_close(metrics, expected_metrics)


def test_sorting_by_lifetime_changes_nothing_but_the_waste():
    """Raw fitness, so that every candidate's own matters, from tasks whose order is random."""
    config = replace(CONFIG, tasks_per_candidate=2, num_mini_batches=6, shaping="raw")

    def outcome(**options):
        return run(evolve_from_config(start, jax.random.normal, parabola, config, **options), 3)

    state, metrics = outcome(lifetime=lambda task: (100 * task).astype(jnp.int32))
    expected, expected_metrics = outcome()
    # Two programs: fitness is the same to the last bit, sums over it may be rounded otherwise.
    assert_close(state.parameters, expected.parameters)
    for name in REPORTS:
        check = assert_close if name == "update_norm" else assert_equal
        check(metrics[name], expected_metrics[name])
    assert set(metrics) - set(expected_metrics) == {"lifetime", "idle_updates"}


@pytest.mark.parametrize("strategy", ["Open_ES", "SNES"])
def test_a_state_put_away_and_taken_up_again_goes_on_bit_for_bit(strategy):
    config = replace(CONFIG, strategy=strategy)
    method = evolve_from_config(start, jax.random.normal, parabola, config)
    step = jax.jit(method.step)
    states = [jax.jit(method.init)(jax.random.key(0))]
    for _ in range(4):
        states.append(step(states[-1])[0])

    def through_numpy(state):
        kept = state._replace(key=jax.random.key_data(state.key))
        kept = jax.tree.map(jnp.asarray, jax.tree.map(np.array, kept))
        return kept._replace(key=jax.random.wrap_key_data(kept.key))

    resumed = through_numpy(states[2])
    for _ in range(2):
        resumed = through_numpy(step(resumed)[0])
    assert_equal(resumed, states[4])
    assert not np.array_equal(states[4].parameters["a"], states[2].parameters["a"])


def test_seeds_side_by_side_are_the_same_as_alone():
    method = evolve_from_config(
        start, jax.random.normal, parabola, replace(CONFIG, num_mini_batches=2)
    )
    keys, program = jax.random.split(jax.random.key(3), 2), jax.jit(train(method, 3))
    state, metrics = jax.jit(jax.vmap(train(method, 3)))(keys)
    for i, key in enumerate(keys):
        alone = program(key)
        together = jax.tree.map(lambda leaf, i=i: leaf[i], (state.parameters, metrics))
        assert_close((alone[0].parameters, alone[1]), together)


SHARDED = """
    import jax
    import jax.numpy as jnp
    import numpy as np
    from rlsuite.meta.evolution_config import EvolutionConfig, evolve_from_config
    from rlsuite.method import train
    from rlsuite.sharding import make_mesh

    assert len(jax.devices()) == 2

    def fitness(key, parameters, task):
        # A loop whose length is the task's, so that the devices' loops differ.
        def live(carry):
            age, value = carry
            noise = jax.random.uniform(jax.random.fold_in(key, age))
            return age + 1, value + parameters.sum() * noise
        return jax.lax.while_loop(lambda carry: carry[0] < task, live, (0, 0.0))[1]

    def outcome(strategy, num_devices):
        config = EvolutionConfig(strategy, 16, shaping="z_score", num_mini_batches=2)
        method = evolve_from_config(
            lambda key: jnp.ones(3), lambda key: jax.random.randint(key, (), 1, 9), fitness, config,
            lifetime=lambda task: task,
        )
        with jax.set_mesh(make_mesh(num_devices)):
            program = jax.jit(train(method, 2)).lower(jax.random.key(0)).compile()
            return program(jax.random.key(0)), program.as_text()

    for strategy in ("Open_ES", "PGPE"):
        ((state, metrics), _), ((sharded, sharded_metrics), text) = (
            outcome(strategy, 1), outcome(strategy, 2)
        )
        np.testing.assert_allclose(sharded.parameters, state.parameters, rtol=1e-5)
        for name in metrics:
            np.testing.assert_allclose(sharded_metrics[name], metrics[name], rtol=1e-4, atol=1e-6)
        assert "num_partitions=2" in text
        print("same")
    try:
        config = EvolutionConfig(population_size=6)
        method = evolve_from_config(lambda key: jnp.ones(3), lambda key: 0, fitness, config)
        with jax.set_mesh(make_mesh(2)):
            jax.eval_shape(train(method, 1), jax.random.key(0))
    except ValueError as error:
        print(error)
"""


def test_two_devices_share_the_lives_and_come_to_the_same():
    flags = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=2"
    process = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SHARDED)],
        env={**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 0, process.stderr
    *same, refusal = process.stdout.splitlines()
    assert same == ["same", "same"]
    assert refusal == "agents: 2 devices are not allowed; they must share 3 equally"


# --- Lives --------------------------------------------------------------------------------------


def preference():
    """An agent is one number, its preference for action 1, that its objective's number adds to."""

    def policy(learner, memory, observation):
        zeros = jnp.zeros(observation.shape[:-1])
        return distrax.Categorical(jnp.stack([zeros, zeros + learner], axis=-1)), memory

    def update(key, parameters, learner, experience, clock):
        return learner + 0.5 * parameters, {}

    return Objective(
        init_parameters=lambda key: jnp.zeros(()),
        init=lambda key: jnp.zeros(()),
        policy=policy,
        update=update,
    )


@pytest.fixture(scope="module")
def counting_life(counting_world):
    return Life(counting_world, preference(), num_workers=3, rollout_length=4)


@pytest.fixture(scope="module")
def sample_task(counting_world):
    """Episodes of 5 steps in which counting pays, lives of 0 to 6 updates."""
    level = counting_world.default_params.replace(max_steps_in_episode=5)
    level = jax.tree.map(jnp.asarray, level)
    return lambda key: (level, jax.random.randint(key, (), 0, 7))


@pytest.mark.parametrize("fitness", ["final", "mean"])
def test_what_agents_become_decides(counting_life, sample_task, fitness):
    """The objective comes to favour the action that pays."""
    config = replace(CONFIG, population_size=32, num_mini_batches=2, fitness=fitness)
    state, metrics = run(evolve_objective_from_config(counting_life, sample_task, config), 30)
    assert state.parameters > 0.5
    assert metrics["fitness"][-5:].mean() > metrics["fitness"][:5].mean() + 1


def test_final_fitness_is_the_return_after_whole_lives_of_their_own(counting_world):
    """Each life ends at its task's length, and is lived beside others of similar lengths.

    An agent is its age here, and counts for as many steps of an episode: 1 + 2 + … + age.
    """

    def policy(age, memory, observation):
        time = observation[..., 1]
        logits = jnp.stack([0 * time, jnp.where(time < age, 1e6, -1e6)], axis=-1)
        return distrax.Categorical(logits), memory

    def sample_task(key):
        lifetime = jax.random.randint(key, (), 0, 6)
        jax.debug.callback(lambda lifetime: lifetimes.append(int(lifetime)), lifetime)
        return level, lifetime

    level = jax.tree.map(jnp.asarray, counting_world.default_params.replace(max_steps_in_episode=5))
    objective = Objective(
        init_parameters=lambda key: jnp.zeros(()),
        init=lambda key: jnp.zeros(()),
        policy=policy,
        update=lambda key, parameters, age, experience, clock: (age + 1, {}),
    )
    life = Life(counting_world, objective, num_workers=1, rollout_length=1)
    lifetimes = []
    _, metrics = run(
        evolve_objective_from_config(life, sample_task, replace(CONFIG, num_mini_batches=2)), 1
    )
    jax.effects_barrier()
    ages = np.array(lifetimes)
    assert len(set(lifetimes)) > 2
    np.testing.assert_allclose(metrics["lifetime"], ages.mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["fitness"], (ages * (ages + 1) / 2).mean(), rtol=1e-6)
    np.testing.assert_allclose(metrics["fitness_max"], ages.max() * (ages.max() + 1) / 2)
    computed = np.sort(ages).reshape(2, -1).max(axis=1).mean()
    np.testing.assert_allclose(metrics["idle_updates"], 1 - ages.mean() / computed, atol=1e-6)


@pytest.mark.parametrize(("fitness", "expected"), [("final", 7.5), ("mean", 0.0)])
def test_lives_of_no_updates_idle_nothing(counting_life, sample_task, fitness, expected):
    """Agents as they were born: nothing is computed, and nothing received over the life."""
    config = replace(CONFIG, fitness=fitness)
    level, _ = sample_task(jax.random.key(0))
    method = evolve_objective_from_config(
        counting_life, lambda key: (level, jnp.zeros((), jnp.int32)), config
    )
    _, metrics = run(method, 1)
    assert (metrics["lifetime"], metrics["idle_updates"]) == (0, 0)
    assert metrics["failed_candidates"] == 0
    np.testing.assert_allclose(metrics["fitness"], expected, rtol=0.5)


def test_mean_fitness_is_the_return_over_the_life(counting_life, sample_task):
    """Against the rollouts of the same updates one after the other."""
    level, _ = sample_task(jax.random.key(0))
    task, key, parameters = Task(level, jnp.array(6)), jax.random.key(5), jnp.array(0.7)
    agent, mean_return = jax.jit(counting_life.whole_with_return)(key, parameters, task)
    assert_equal(agent, jax.jit(counting_life.whole)(key, parameters, task))
    assert jax.jit(return_over_life(counting_life))(key, parameters, task) == mean_return
    start = jax.jit(counting_life.init)(key, task)
    updates = jax.jit(lambda agent: counting_life.updates(parameters, agent, 6))
    _, (rollouts, _) = updates(start)
    # 24 steps of 3 workers in episodes of 5: four end in each, a fifth has begun.
    rewards = np.asarray(rollouts.transitions.reward).reshape(24, 3)[:20]
    np.testing.assert_allclose(mean_return, rewards.sum() / 12, rtol=1e-6)


def test_lpg_evolves_on_a_tiny_grid(tiny_grid):
    """The whole composition: agents learn to find the goal in time as their LPG evolves."""
    agent = AgentConfig(policy_learning_rate=20.0, prediction_learning_rate=2.0)
    config = LPGConfig(recurrent_width=8)
    objective = lpg(make_agent(tiny_grid, agent, config.num_predictions), config)
    life = Life(tiny_grid, objective, num_workers=4, rollout_length=6)
    level = tiny_grid.default_params.replace(max_steps_in_episode=6)
    level = jax.tree.map(jnp.asarray, level)
    config = replace(CONFIG, population_size=32, learning_rate=0.1, num_episodes=16)
    method = evolve_objective_from_config(
        life, lambda key: (level, jax.random.randint(key, (), 6, 13)), config
    )
    _, metrics = run(method, 40)
    fitness = metrics["fitness"]
    assert fitness[-5:].mean() > fitness[:5].mean() + 0.2


# --- Bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"population_size": 7}, "population_size: 7 is not allowed; it must be an even number"),
        ({"population_size": 0}, "population_size: 0 is not allowed; it must be an even number"),
        ({"strategy": "OpenES"}, "strategy: 'OpenES' is unknown (did you mean 'Open_ES'?); known"),
        ({"strategy": "cma_es"}, "strategy: 'cma_es' is unknown (did you mean 'CMA_ES'?); known"),
        ({"strategy": "SV_CMA_ES"}, "strategy: 'SV_CMA_ES' is unknown (did you mean"),
        ({"strategy": "ESMC", "population_size": 2}, "population_size: 2 is not allowed; ESMC"),
        ({"shaping": "z-score"}, "shaping: 'z-score' is unknown (did you mean 'z_score'?); known"),
        ({"strategy": "HillClimbing"}, "shaping: pairwise is not allowed; it must be raw"),
        ({"num_mini_batches": 4}, "num_mini_batches: 4 is not allowed; it must be a divisor of 6"),
        ({"num_mini_batches": 0}, "num_mini_batches: 0 is not allowed"),
        ({"tasks_per_candidate": 0}, "tasks_per_candidate: 0 is not allowed"),
        ({"standard_deviation": 0.0}, "standard_deviation: 0.0 is not allowed"),
        ({"learning_rate": -1.0}, "learning_rate: -1.0 is not allowed"),
        ({"fitness": "best"}, "fitness: 'best' is unknown"),
    ],
)
def test_nonsense_is_refused_in_one_line(counting_life, sample_task, changes, message):
    with pytest.raises(ValueError) as caught:
        evolve_objective_from_config(counting_life, sample_task, replace(CONFIG, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
