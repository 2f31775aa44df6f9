"""Bonuses by counting anew in Python, and agents with a bonus beside those without."""

import itertools
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.curriculum import random_tasks
from rlsuite.envs.cells import Cells, CellWorld, Passage
from rlsuite.envs.rooms import Corridors
from rlsuite.exploration import (
    Bonus,
    Term,
    elliptical,
    episodic_counts,
    feature_change,
    first_visit,
    global_counts,
    inverse_dynamics,
    inverse_root,
    least_values,
    novelty_bonus,
    novelty_difference,
    one_hot_cells,
    one_of,
    product,
    random_network_distillation,
    unless_terminated,
    value_spread,
    weighted_sum,
    with_bonus,
)
from rlsuite.exploration.fitting import FittingConfig
from rlsuite.lifetime import LifeConfig, Task
from rlsuite.living import live
from rlsuite.method import train
from rlsuite.methods.bonuses import (
    BonusAgentsConfig,
    BonusConfig,
    bonus_agents,
    formula,
    named_bonus,
)
from rlsuite.methods.ppo import PPOAgentsConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig
from rlsuite.rollout import Transition

KEY = jax.random.key(0)
NUM_CELLS, NUM_WORKERS, LENGTH = 6, 3, 40
PERCEPTRON = ActorCriticConfig("perceptron", (16,))


def visits(seed, length=LENGTH):
    """Transitions of workers that jump about cells, with episodes that end at random."""
    random = np.random.default_rng(seed)
    entered = random.integers(0, NUM_CELLS, (length, NUM_WORKERS))
    ended = random.random((length, NUM_WORKERS)) < 0.2
    starts = random.integers(0, NUM_CELLS, (length, NUM_WORKERS))
    left = np.concatenate([starts[:1], np.where(ended[:-1], starts[1:], entered[:-1])])
    zeros = jnp.zeros((length, NUM_WORKERS))
    return Transition(
        observation=jnp.asarray(left),
        action=zeros.astype(jnp.int32),
        log_probability=zeros,
        reward=zeros,
        terminated=jnp.asarray(ended),
        truncated=zeros.astype(bool),
        next_observation=jnp.asarray(entered),
        extra=Passage(jnp.asarray(left), jnp.asarray(entered)),
    )


def counted(steps):
    """N and N_e after each step, and N_e's sum since the episode began, in plain Python."""
    left, entered = (np.asarray(cells) for cells in steps.extra)
    whole, found = np.zeros(NUM_CELLS, int), np.zeros((2, *left.shape), int)
    of_episode = [None] * NUM_WORKERS
    for time in range(len(left)):
        for worker in range(NUM_WORKERS):
            whole[entered[time, worker]] += 1
        for worker in range(NUM_WORKERS):
            if of_episode[worker] is None:
                of_episode[worker] = np.zeros(NUM_CELLS, int)
                of_episode[worker][left[time, worker]] = 1
            of_episode[worker][entered[time, worker]] += 1
            cell = entered[time, worker]
            found[:, time, worker] = whole[cell], of_episode[worker][cell]
            if steps.ended[time, worker]:
                of_episode[worker] = None
    return found


def in_two_rollouts(bonus, steps):
    """Bonuses of a rollout that was cut in two, which changes nothing, and the last state."""

    @jax.jit
    def measure(steps):
        state, paid = bonus.init(KEY, NUM_WORKERS), []
        parts = zip(*(jnp.split(leaf, [15]) for leaf in jax.tree.leaves(steps)), strict=True)
        for leaves in parts:
            state, some = bonus.measure(
                state, jax.tree.unflatten(jax.tree.structure(steps), leaves)
            )
            paid.append(some)
        return state, jnp.concatenate(paid)

    return measure(steps)


def counting_bonuses():
    whole, episodic = global_counts(NUM_CELLS), episodic_counts(NUM_CELLS)
    return (
        *(whole, episodic, episodic_counts(NUM_CELLS, inverse_root)),
        *(product(whole, episodic), weighted_sum((2.0, 0.5), whole, episodic)),
        elliptical(one_hot_cells(NUM_CELLS), 0.1),
    )


@pytest.fixture(scope="module")
def counting():
    """Counting bonuses in one program."""
    bonuses = counting_bonuses()
    return jax.jit(lambda steps: [in_two_rollouts(bonus, steps) for bonus in bonuses])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_counts_are_those_of_a_loop(counting, seed):
    steps = visits(seed)
    whole, of_episode = counted(steps)
    found = counting(steps)
    (state, by_whole), (_, by_episode), (_, decaying), *combined = found
    np.testing.assert_allclose(by_whole, whole**-0.5, rtol=1e-6)
    np.testing.assert_array_equal(by_episode, of_episode == 1)
    np.testing.assert_allclose(decaying, of_episode**-0.5, rtol=1e-6)
    assert state.sum() == LENGTH * NUM_WORKERS
    (_, times), (_, plus), (_, one_hot) = combined
    np.testing.assert_allclose(times, by_whole * by_episode, rtol=1e-6)
    np.testing.assert_allclose(plus, 2 * by_whole + 0.5 * by_episode, rtol=1e-6)
    # E3B of one-hot features: one over the ridge and the earlier visits of this episode.
    np.testing.assert_allclose(one_hot, 1 / (0.1 + of_episode - 1), rtol=1e-4)


def test_coming_back_to_the_start_is_not_new():
    bonus = episodic_counts(NUM_CELLS)
    steps = visits(0, 4)
    cells = jnp.array([[2], [1], [2], [4]]) * jnp.ones((1, NUM_WORKERS), jnp.int32)
    left = jnp.concatenate([jnp.full((1, NUM_WORKERS), 2), cells[:-1]])
    ended = jnp.array([False, False, True, False])[:, None] & jnp.ones((1, NUM_WORKERS), bool)
    steps = steps._replace(terminated=ended, extra=Passage(left, cells))
    state, paid = bonus.measure(bonus.init(KEY, NUM_WORKERS), steps)
    assert paid[:, 0].tolist() == [0, 1, 0, 1]
    # After the end a new episode has begun, whose start is its first visit.
    assert state.counts[0].tolist() == [0, 0, 1, 0, 1, 0]


def test_the_inverse_is_that_of_the_matrix():
    """Against the sums inverted directly, with random features through a long episode."""
    size, random = 8, np.random.default_rng(0)
    features = random.normal(size=(301, NUM_WORKERS, size)).astype(np.float32)

    given_ = one_hot_cells(size)._replace(of=lambda state, steps: steps.extra)
    steps = visits(0, 300)._replace(
        extra=(jnp.asarray(features[:-1]), jnp.asarray(features[1:])),
        terminated=jnp.zeros((300, NUM_WORKERS), bool),
    )
    bonus = elliptical(given_, 0.1)
    state, paid = jax.jit(bonus.measure)(bonus.init(KEY, NUM_WORKERS), steps)
    for worker in range(NUM_WORKERS):
        matrix = 0.1 * np.eye(size)
        for time in range(300):
            matrix += np.outer(features[time, worker], features[time, worker])
            seen = features[time + 1, worker]
            expected = seen @ np.linalg.inv(matrix) @ seen
            assert paid[time, worker] == pytest.approx(expected, rel=1e-3)
    np.testing.assert_array_equal(state.inverse, state.inverse.transpose(0, 2, 1))
    with pytest.raises(ValueError, match="ridge: 0 is not allowed"):
        elliptical(given_, 0)


@pytest.fixture(scope="module")
def walks():
    """All ways of an episode in six corridors: which corridor, and when to go on or to stay.

    Their places `[way, step]`, and what the world pays for each way.
    """
    world = Corridors(6, 5)
    onwards = itertools.product(range(world.num_corridors), *[range(2)] * (world.length - 1))

    @jax.jit
    @jax.vmap
    def walk(actions):
        def step(state, action):
            seen, state, reward, *_ = world.step_env(KEY, state, action, world.default_params)
            return state, (seen, reward)

        return jax.lax.scan(step, world.reset_env(KEY, world.default_params)[1], actions)[1]

    places, rewards = walk(jnp.array(list(onwards)))
    return world, np.asarray(places), np.asarray(rewards.sum(axis=1))


def explored(walks, bonus, first):
    """Episodes of the way that is paid most: corridors whose end was reached, and if one paid.

    Ways are measured by the bonus itself as it stands, and all of them are tried: exact planning.
    Of those that are paid alike the one of the first corridor is taken that is preferred.
    """
    world, places, rewards = walks
    preferred = np.roll(np.arange(len(places)), -first * len(places) // world.num_corridors)

    def measure(state, way):
        left = jnp.append(0, way[:-1])
        ended = (jnp.arange(world.length) == world.length - 1)[:, None]
        steps = visits(0, world.length)._replace(
            terminated=ended,
            truncated=jnp.zeros_like(ended),
            extra=Passage(left[:, None], way[:, None]),
        )
        return bonus.measure(state, steps)

    every_way = jax.jit(jax.vmap(lambda state, way: measure(state, way)[1].sum(), (None, 0)))
    one_way = jax.jit(lambda state, way: measure(state, way)[0])
    state, ends, found = bonus.init(KEY, 1), [], False
    for _ in range(world.num_corridors):
        paid = np.asarray(every_way(state, places))
        best = preferred[np.isclose(paid, paid.max())[preferred].argmax()]
        state, found = one_way(state, places[best]), found or rewards[best] > 0
        ends.append(places[best, -1])
    assert all(end % world.length == 0 for end in ends)
    return [(end - 1) // world.length for end in ends], found


def test_a_global_planner_visits_all_corridors_in_as_many_episodes(walks):
    for first in (0, 2):
        ends, found = explored(walks, global_counts(walks[0].num_places), first)
        assert sorted(ends) == list(range(6)) and ends[0] == first and found


def test_an_episodic_planner_is_paid_alike_everywhere_and_finds_what_pays_in_one_of_m_seeds(walks):
    """One for each corridor that it may happen to prefer: it never tries another."""
    bonus = episodic_counts(walks[0].num_places)
    results = [explored(walks, bonus, first) for first in range(6)]
    assert [ends for ends, _ in results] == [[first] * 6 for first in range(6)]
    assert sum(found for _, found in results) == 1


def test_nothing_varies_where_there_is_one_context():
    values = least_values(
        jnp.array([0.5, 0.2, 0.9, 0.1]),
        jnp.array([0, 0, 1, 1]),
        jnp.array([True, True, True, False]),
        3,
    )
    np.testing.assert_allclose(values, [0.2, 0.9, np.inf])
    spread, variances = value_spread(values[None])
    assert spread == 0 and np.isnan(variances[2])
    spread, variances = value_spread(jnp.array([[1.0, 3.0, jnp.inf], [0.0, 3.0, 2.0]]))
    np.testing.assert_allclose(variances, [0.25, 0, 0])
    assert spread == pytest.approx(0.25 / 3)


def test_what_is_foretold_is_no_longer_new():
    world = Corridors(2, 4)
    config = FittingConfig(num_outputs=8, learning_rate=3e-3, num_mini_batches=2)
    novelty = random_network_distillation(world, PERCEPTRON, config)
    steps = visits(0)
    known = jnp.minimum(steps.next_observation, 2)
    steps = steps._replace(next_observation=known)

    @jax.jit
    def learned(state):
        return jax.lax.fori_loop(
            0, 300, lambda i, s: novelty.learn(jax.random.fold_in(KEY, i), s, steps), state
        )

    before, of = jax.jit(novelty.init)(KEY), jax.jit(novelty.of)
    after = learned(before)
    places = np.arange(world.num_places)
    old, new = (np.asarray(of(state, places)) for state in (before, after))
    assert (new[:3] < 0.05 * old[:3]).all() and (new[3:] > 0.2 * old[3:]).all()
    (_, paid), (_, gained) = (
        jax.jit(bonus.measure)(before, steps)
        for bonus in (novelty_bonus(novelty), novelty_difference(novelty, 0.5))
    )
    np.testing.assert_allclose(paid, old[known], rtol=1e-5)
    expected = np.maximum(old[known] - 0.5 * old[steps.observation], 0)
    np.testing.assert_allclose(gained, expected, rtol=1e-4, atol=1e-6)


def test_features_tell_the_action():
    """In corridors the action can be told at the root alone, and there it soon is."""
    world = Corridors(3, 2)
    config = FittingConfig(num_features=16, learning_rate=1e-2, num_mini_batches=1)
    features = inverse_dynamics(world, PERCEPTRON, config)
    steps = visits(0)
    action = jax.random.randint(KEY, steps.action.shape, 0, 3)
    steps = steps._replace(
        observation=jnp.zeros_like(action), action=action, next_observation=1 + 2 * action
    )

    @jax.jit
    def learned(state):
        return jax.lax.fori_loop(
            0, 150, lambda i, s: features.learn(jax.random.fold_in(KEY, i), s, steps), state
        )

    state = learned(jax.jit(features.init)(KEY))
    left, entered = jax.jit(features.of)(state, steps)
    assert left.shape == entered.shape == (LENGTH, NUM_WORKERS, 16)
    ends = [np.asarray(entered)[np.asarray(action) == which][0] for which in range(3)]
    gaps = [np.linalg.norm(ends[a] - ends[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    assert min(gaps) > 0.5


CORRIDORS = Corridors(3, 4)
PPO = PPOConfig(num_epochs=2, num_mini_batches=1, learning_rate=1e-2)
SIZES = {
    "networks": ActorCriticConfig("table"),
    "ppo": PPO,
    "life": LifeConfig(num_workers=4, rollout_length=8),
    "num_agents": 2,
    "num_episodes": 2,
}


def sample_task(key):
    return Task(CORRIDORS.default_params, jnp.int32(20))


def trained(method, num_steps=6):
    return jax.jit(train(method, num_steps))(KEY)


def test_a_weight_of_zero_is_ppo_bit_for_bit():
    """Not in one program: the compiler contracts products and sums in the one and not the other."""
    config = BonusAgentsConfig(**SIZES, bonus=BonusConfig(weight=0.0))
    lives = PPOAgentsConfig(**SIZES).life_in(CORRIDORS), config.life_in(CORRIDORS)
    plain, own = (life.init(KEY, sample_task(KEY)) for life in lives)
    for _ in range(2):
        plain, (_, metrics) = lives[0].update((), plain)
        own, (experience, ours) = lives[1].update((), own)
        jax.tree.map(np.testing.assert_array_equal, own.learner.agent, plain.learner)
        for name, value in metrics.items():
            assert value == ours[name]
        assert ours["bonus"] > 0 and experience.transitions.reward.max() == 0
    counts = own.learner.bonus.parts["counts"]
    assert counts.sum() == 2 * 4 * 8 and ours["cells_entered"] == (counts > 0).sum()


def test_the_bonus_is_divided_by_its_deviation_and_returns_know_nothing_of_it():
    """An objective that keeps what it was paid shows what an agent is told."""
    life = PPOAgentsConfig(**SIZES).life_in(CORRIDORS)
    told = life.objective._replace(
        update=lambda key, parameters, learner, experience, clock: (
            learner,
            {"told": experience.transitions.reward.sum()},
        )
    )
    steady = Bonus(
        init=lambda key, num_workers: (),
        measure=lambda state, steps: (state, jnp.where(steps.action == 0, 4.0, 0.0)),
    )
    objective = with_bonus(told, steady, weight=0.5, num_workers=4)
    method = live(life._replace(objective=objective), random_tasks(sample_task), num_agents=1)
    state, metrics = trained(method, 1)
    paid = state.slots.agent.learner.paid
    share = float(paid.mean[0]) / 4
    assert paid.variance[0] == pytest.approx(16 * share * (1 - share), rel=1e-5)
    expected = 0.5 * 32 * 4 * share / (4 * (share * (1 - share)) ** 0.5)
    assert metrics["told"][0] == pytest.approx(expected, rel=1e-4)
    assert metrics["reward_per_step"][0] == 0 and metrics["bonus"][0] == 4 * share


def test_a_bonus_needs_a_world_that_tells_cells():
    bonus = global_counts(NUM_CELLS, first_visit)
    with pytest.raises(ValueError, match="the world must be a CellWorld"):
        bonus.measure(bonus.init(KEY, NUM_WORKERS), visits(0)._replace(extra=()))
    with pytest.raises(ValueError, match="weights: 1 of them"):
        weighted_sum((1.0,), bonus, bonus)
    assert CellWorld(CORRIDORS, CORRIDORS.cells["place"]).num_actions == 3


def test_bonuses_keep_to_32_bits_in_a_process_of_64():
    """Both what is measured alone, and agents with every part that a bonus may have."""
    steps = visits(0)

    def shapes():
        kinds = "elliptical_times_distillation", "novelty_difference", "global", "feature_change"
        bonus = BonusConfig(kind=kinds[0])
        config = BonusAgentsConfig(**SIZES, bonus=bonus, beside=kinds[1:])
        method = bonus_agents(CORRIDORS, sample_task, config)

        def alone(bonus):
            state = jax.eval_shape(lambda: bonus.init(KEY, NUM_WORKERS))
            return jax.eval_shape(bonus.measure, state, steps)

        after = jax.eval_shape(method.step, jax.eval_shape(method.init, KEY))
        return [after, *(alone(bonus) for bonus in counting_bonuses())]

    expected = shapes()
    with jax.enable_x64(True):
        found = shapes()
    assert jax.tree.leaves(found) == jax.tree.leaves(expected)


def test_worlds_tell_cells_where_a_bonus_counts_them_and_nowhere_else():
    def told(kind, *beside):
        config = BonusAgentsConfig(**SIZES, bonus=BonusConfig(kind=kind), beside=beside)
        return isinstance(config.life_in(CORRIDORS).world, CellWorld)

    assert told("episodic") and told("feature_change") and told("none", "global")
    assert not told("elliptical", "distillation", "none")


def test_where_all_cells_are_known_alike_the_product_is_the_episodic_bonus():
    """Counts that say nothing: divided by their deviations both are the same."""
    episodic = episodic_counts(NUM_CELLS)
    level_ = global_counts(NUM_CELLS, lambda count: jnp.full(count.shape, 0.03))
    life = PPOAgentsConfig(**SIZES).life_in(CORRIDORS)
    for seed in range(2):
        steps = visits(seed)
        (_, alone), (_, times) = (
            in_two_rollouts(bonus, steps) for bonus in (episodic, product(level_, episodic))
        )
        np.testing.assert_allclose(times / times.std(), alone / alone.std(), rtol=1e-5)
    assert life.num_workers == 4


def test_a_bonus_finds_what_ppo_does_not():
    """Agents with a bonus and without one, side by side in one program."""
    world, num_steps = Corridors(4, 10), 150

    def task(key):
        return Task(world.default_params, jnp.int32(num_steps))

    ppo = replace(PPO, learning_rate=2e-2)
    sizes = SIZES | {"ppo": ppo, "life": LifeConfig(8, 20), "num_agents": 6}
    config = BonusAgentsConfig(**sizes, bonus=BonusConfig(weight=1.0), beside=("none",))
    method, life = bonus_agents(world, task, config), config.life_in(world)

    def results(key):
        state, metrics = train(method, num_steps)(key)
        agents = state.slots.agent
        keys = jax.random.split(key, agents.num_updates.size)
        returns = jax.vmap(lambda key, agent: life.mean_return(key, agent, 32))(keys, agents)
        entered = (agents.learner.bonus.parts["counts"] > 0).sum(axis=1)
        return [found.reshape(2, 6).mean(axis=1) for found in (returns, entered)], metrics

    (returns, entered), metrics = jax.jit(results)(KEY)
    assert returns[0] > 0.1 and returns[1] < 0.02
    assert entered[0] > 39 and entered[1] < 35
    assert metrics["bonus"].shape == (num_steps,)


def test_ride_pays_for_moved_features_less_with_each_visit():
    steps, features = visits(0), one_hot_cells(NUM_CELLS)
    bonus = product(feature_change(features), episodic_counts(NUM_CELLS, inverse_root))
    _, paid = bonus.measure(bonus.init(KEY, NUM_WORKERS), steps)
    moved = steps.extra.left != steps.extra.entered
    np.testing.assert_allclose(paid, 2**0.5 * moved * counted(steps)[1] ** -0.5, rtol=1e-6)


@pytest.mark.parametrize("weight", [0.0, 0.5])
def test_a_sum_is_its_episodic_part_and_so_much_of_the_global_one(weight):
    """With a weight of zero the sums with E3B are E3B."""
    config = BonusConfig(sum_weight=weight, fitting=FittingConfig(num_features=4, num_outputs=4))
    kinds = ("elliptical", "distillation", "elliptical_plus_distillation")
    bonus = named_bonus(Corridors(2, 4), Cells(NUM_CELLS, None), PERCEPTRON, config, kinds)

    @jax.jit
    def paid(steps):
        state = bonus.init(KEY, NUM_WORKERS)
        of_each = [state._replace(which=jnp.int32(which)) for which in range(3)]
        return [bonus.measure(state, steps)[1] for state in of_each]

    episodic, whole, added = paid(visits(0))
    assert episodic.min() > 0 and whole.max() > 0
    np.testing.assert_allclose(added, episodic + weight * whole, rtol=1e-6)
    assert formula("global_plus_episodic", config) == (
        Term(("first visits",)),
        Term(("counts",), weight),
    )
    assert formula("elliptical_plus_novelty_difference", config) == (
        Term(("E3B",)),
        Term(("difference",), weight),
    )


def test_ends_may_be_left_unpaid():
    bonus, steps = global_counts(NUM_CELLS), visits(0)
    state = bonus.init(KEY, NUM_WORKERS)
    counts, paid = bonus.measure(state, steps)
    same, some = unless_terminated(bonus).measure(state, steps)
    np.testing.assert_array_equal(same, counts)
    np.testing.assert_array_equal(some, np.where(steps.terminated, 0, paid))
    cut = steps._replace(terminated=steps.truncated, truncated=steps.terminated)
    np.testing.assert_array_equal(unless_terminated(bonus).measure(state, cut)[1], paid)


def test_parts_that_report_by_one_name_are_both_told_of():
    """Which follows that of the part then; `alone` has a name of its own, and keeps it."""

    def reporting(**numbers):
        found = jax.tree.map(jnp.asarray, numbers)
        return Bonus(
            init=lambda key, num_workers: (),
            measure=lambda state, steps: (state, steps.reward),
            metrics=lambda state: found,
        )

    first, second, third = reporting(size=1, alone=2), reporting(size=3), reporting(size=4)
    numbered = {"part1_size": 1, "alone": 2, "part2_size": 3}
    for bonus in (product(first, second), weighted_sum((1.0, 1.0), first, second)):
        assert bonus.metrics(((), ())) == numbered
    assert product(product(first, second), third).metrics((((), ()), ())) == numbered | {"size": 4}
    named = one_of({"N": first, "N_e": second}, [()])
    found = named.metrics(named.init(KEY, NUM_WORKERS))
    assert found == {"N_size": 1, "alone": 2, "N_e_size": 3}


def test_one_of_several_formulas_is_paid():
    whole, episodic = global_counts(NUM_CELLS), episodic_counts(NUM_CELLS)
    parts = {"N": whole, "N_e": episodic}
    terms = [(), [Term(("N",)), Term(("N_e",), 0.5)], [Term(("N", "N_e"))]]
    bonus, steps = one_of(parts, terms), visits(0)
    state = bonus.init(KEY, NUM_WORKERS)
    after, nothing = bonus.measure(state, steps)
    _, by_whole = whole.measure(whole.init(KEY, NUM_WORKERS), steps)
    _, by_episode = episodic.measure(episodic.init(KEY, NUM_WORKERS), steps)
    expected = 0 * by_whole, by_whole + 0.5 * by_episode, by_whole * by_episode
    for which, paid in enumerate(expected):
        found = bonus.measure(state._replace(which=jnp.int32(which)), steps)[1]
        np.testing.assert_allclose(found, paid, rtol=1e-6)
    assert (nothing == 0).all() and bonus.metrics(after)["cells_entered"] == NUM_CELLS
