"""Tests of searches on a domain that is quick to evaluate, and of what they are made of."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.method import train
from rlsuite.methods.map_elites import map_elites
from rlsuite.methods.novelty_search import novelty_search
from rlsuite.methods.serene import serene
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import path_signature, true_position
from rlsuite.quality_diversity.domain import Outcomes
from rlsuite.quality_diversity.emitters import (
    WINDOW,
    EmitterConfig,
    aged,
    has_stopped,
    no_emitters,
    put_aside,
)
from rlsuite.quality_diversity.exploitation import sequential_emitters
from rlsuite.quality_diversity.exploration import (
    ExplorationConfig,
    Explorer,
    first_population,
    generation,
)
from rlsuite.quality_diversity.found import NEVER, nothing_found, told
from rlsuite.quality_diversity.map_elites import improved, no_elites
from rlsuite.quality_diversity.random_search import random_search
from rlsuite.quality_diversity.search import Course, by_chance, later_and_later, less_and_less
from rlsuite.quality_diversity.solutions import (
    FOUND_BY_SEARCH,
    add,
    comes_again,
    empty_archive,
    evaluated,
    mutated,
)
from rlsuite.selection import take
from tests.rlsuite.quality_diversity.domains import hills, novelty_by_hand

DOMAIN = hills()
CONFIG = ExplorationConfig(
    population_size=10,
    num_neighbours=3,
    deviation=0.4,
    evaluations_per_step=100,
    archive_capacity=60,
    rewarded_capacity=64,
    bins=10,
)
EMITTERS = EmitterConfig(num_emitters=6)
KEYS = jax.random.split(jax.random.key(0), 4)


@jax.jit
def solutions_of(genome, after=0):
    genome = jnp.asarray(genome, jnp.float32)
    return evaluated(DOMAIN, true_position(), (), genome, after=jnp.int32(after))


@pytest.fixture(scope="module")
def searches():
    """Programs of four searches of each kind, of whether anything pays: states and metrics."""

    def search(make):
        return jax.jit(lambda pays: jax.vmap(train(make(hills(pays=pays)), 12))(KEYS))

    made = {
        "novelty search": lambda land: novelty_search(land, true_position(), CONFIG),
        "SERENE": lambda land: serene(land, true_position(), CONFIG, EMITTERS),
        "random search": lambda land: random_search(land, CONFIG),
        "MAP-Elites": lambda land: map_elites(land, BatchConfig(10, 20, 100, 0.4, 10)),
    }
    return {name: search(make) for name, make in made.items()}


@pytest.fixture(scope="module")
def courses(searches):
    """States and metrics where something pays."""
    return {name: search(True) for name, search in searches.items()}


def test_where_nothing_pays_serene_is_novelty_search(searches):
    first, second = (searches[name](False)[0] for name in ("novelty search", "SERENE"))
    # Two programs, which round in different places.
    jax.tree.map(
        lambda one, other: np.testing.assert_allclose(one, other, atol=1e-5),
        first.explored,
        second.explored,
    )


def test_what_is_new_covers_more_than_chance(courses):
    new, chance = (courses[name][1] for name in ("novelty search", "random search"))
    assert new["kept_coverage"][:, -1].mean() > chance["kept_coverage"][:, -1].mean() + 0.03
    elites = courses["MAP-Elites"][1]["kept_coverage"]
    assert elites[:, -1].mean() > new["kept_coverage"][:, -1].mean() + 0.1


def test_emitters_climb(courses):
    metrics = courses["SERENE"][1]
    others = courses["novelty search"][1]
    best = [np.stack([one[f"best_reward_{a}"][:, -1] for a in (0, 1)]) for one in (metrics, others)]
    assert (metrics["areas"][:, -1] == 2).all()
    assert best[0].mean() > best[1].mean() + 0.1 and best[0].mean() > 0.9


def test_evaluations_are_counted_and_none_is_lost(courses):
    state, metrics = courses["SERENE"]
    steps = np.diff(np.asarray(metrics["evaluations"]), prepend=10, axis=1)
    # The last trial or generation of an emitter may overdraw the budget.
    assert (steps >= 100).all() and (steps < 100 + 66).all()
    assert (np.asarray(courses["novelty search"][1]["evaluations"][:, -1]) == 10 + 12 * 100).all()
    shares = sum(np.asarray(metrics[f"budget_share_{area}"]) for area in (0, 1))
    exploited = np.asarray(metrics["evaluations"]) * shares
    assert ((exploited[:, -1] > 100) & (exploited[:, -1] < 800)).all()
    rewarded = state.explored.rewarded
    paid = jax.jit(jax.vmap(lambda genome: DOMAIN.evaluate(genome).reward))
    again = paid(rewarded.items.solution.genome)
    for seed in range(4):
        archive = jax.tree.map(lambda leaf, seed=seed: np.asarray(leaf)[seed], rewarded)
        solutions = there(archive).solution
        assert (solutions.reward > 0).all()
        assert set(solutions.founder) <= {FOUND_BY_SEARCH, *solutions.born}
        np.testing.assert_allclose(solutions.reward, again[seed][: archive.size], atol=1e-5)
        # Emitters break their own records: what comes generations later was paid more.
        for founder in np.unique(solutions.founder[solutions.founder >= 0]):
            own = solutions.founder == founder
            reward, born = solutions.reward[own], solutions.born[own]
            later = born[:, None] - born >= EMITTERS.generation_size
            assert (reward[:, None] > reward)[later].all()
            assert born.min() > founder


def test_same_key_same_search(searches, courses):
    again = searches["novelty search"](True)
    jax.tree.map(np.testing.assert_array_equal, again[1], courses["novelty search"][1])


def there(archive):
    """Those items of an archive that are there, as arrays of NumPy."""
    return jax.tree.map(lambda leaf: np.asarray(leaf)[: int(archive.size)], archive.items)


def after_generations(number):
    """A population and archives, and `key -> after one more generation`, in one program."""
    explorer = Explorer(DOMAIN, true_position(), CONFIG)
    program = jax.jit(lambda key, before: generation(key, explorer, (), before))

    @jax.jit
    def first():
        return first_population(KEYS[0], explorer, (), nothing_found(DOMAIN, CONFIG.bins))

    before = first()
    for place in range(number):
        before = program(jax.random.fold_in(KEYS[1], place), before)
    return before, lambda key: program(key, before)


@jax.jit
def children_of(key, genome):
    """The outcomes of a generation's children."""
    mutation_key, _, _ = jax.random.split(key, 3)
    return DOMAIN.evaluate(mutated(mutation_key, jnp.repeat(genome, 2, axis=0), CONFIG.deviation))


def test_the_most_novel_of_parents_and_children_survive_and_random_ones_are_archived():
    before, follow = after_generations(4)
    parents, num_born = jax.device_get(before.population), int(before.found.evaluations)
    known = there(before.archive).position
    ranks = []
    for seed in range(30):
        key = jax.random.key(seed)
        after = jax.device_get(follow(key))
        # The same children, and what becomes of them by hand.
        children = children_of(key, parents.genome)
        everybody = np.concatenate([parents.position, children.position])
        references = np.concatenate([everybody, known])
        new = np.array([novelty_by_hand(one, references, own) for own, one in enumerate(everybody)])
        born = np.concatenate([parents.born, num_born + 1 + np.arange(20)])
        most_novel = born[np.argsort(-new)[: CONFIG.population_size]]
        assert set(after.population.born) == set(most_novel)
        archived = after.archive.items.born[int(before.archive.size) : int(after.archive.size)]
        assert len(set(archived)) == CONFIG.num_archived and (archived > num_born).all()
        order = np.argsort(np.argsort(new[len(parents.born) :]))
        ranks += order[archived - num_born - 1].tolist()
        assert after.found.evaluations == num_born + 20
    # As novel as children are in the mean; the five most novel would have a mean rank of 17.
    assert abs(np.mean(ranks) - 9.5) < 1.5


def test_an_archive_takes_what_there_is_room_for():
    archive = empty_archive(jnp.zeros(1), 5)
    archive = add(archive, jnp.array([1.0, 2.0, 3.0]), jnp.array([True, False, True]))
    archive = add(archive, jnp.arange(10.0, 16.0), jnp.array([True, False, True, True, True, True]))
    np.testing.assert_array_equal(archive.items, [1, 3, 10, 12, 13])
    assert int(archive.size) == 5 and int(archive.lost) == 2 and archive.filled.all()


def test_elites_are_the_best_of_their_cells():
    key = jax.random.key(3)
    known = {}
    elites = no_elites(solutions_of(np.zeros((1, 3))), 16)

    @jax.jit
    def after(batch, elites):
        genome = 2 * jax.random.normal(jax.random.fold_in(key, batch), (30, 3))
        children = solutions_of(genome, 30 * batch)
        cells = DOMAIN.cells(children.position, 4)
        return children, cells, improved(elites, children, DOMAIN, 4)

    for batch in range(3):
        children, cells, elites = after(batch, elites)
        for place, cell in enumerate(np.asarray(cells).tolist()):
            reward = float(children.reward[place])
            if cell not in known or reward > known[cell][0]:
                known[cell] = reward, int(children.born[place])
    assert np.flatnonzero(elites.entered).tolist() == sorted(known)
    for cell, (reward, born) in known.items():
        assert float(elites.solutions.reward[cell]) == reward
        assert int(elites.solutions.born[cell]) == born


def test_what_is_found_is_dated():
    @jax.jit
    def both():
        first = solutions_of([[0.0, 0.0, 0.0], [1.4, 1.4, 0.0]])
        found = told(nothing_found(DOMAIN, 4), DOMAIN, first)
        second = solutions_of([[0.1, 0.1, 0.0], [1.38629, 1.38629, 0.0], [9.0, 9.0, 0.0]], after=2)
        counted = jnp.array([True, True, False])
        found = told(found, DOMAIN, second, counted=counted, spent_on=jnp.array([0, 0, 0]))
        return found, DOMAIN.cells(first.position, 4)

    found, cell = both()
    assert int(found.evaluations) == 4
    assert np.asarray(found.found_at).tolist() == [2, NEVER]
    np.testing.assert_allclose(found.best, [1.0, 0.0], atol=1e-4)
    assert np.asarray(found.spent).tolist() == [2, 0]
    assert np.asarray(found.first_visit)[cell].tolist() == [1, 2]
    np.testing.assert_allclose(found.coverage, 2 / 16)


def no_emitter(config, size):
    """Solutions of zeros, and an emitter like them."""

    @jax.jit
    def make():
        like = solutions_of(np.zeros((size, 3)))
        return like, take(no_emitters(like, config, 3), jnp.int32(0))

    return make()


def test_an_emitter_is_judged_by_the_ends_of_its_memory():
    config = EmitterConfig(emitter_size=2, num_emitters=1)
    like, emitter = no_emitter(config, 2)
    length = config.memory_length(3)
    assert length == 20 * 3 // 2 + 120
    rewards, values = np.random.default_rng(0), []
    step = jax.jit(lambda emitter, reward: aged(emitter, like._replace(reward=reward)))
    stops = jax.jit(has_stopped)
    for number in range(length + 40):
        values.append((min(number, 100) / 100 + 0.1 * rewards.random(2)).astype(np.float32))
        emitter = step(emitter, jnp.asarray(values[-1]))
        if number >= 2:
            rise = np.mean(values[-3:]) - np.mean(values[:3])
            np.testing.assert_allclose(emitter.improvement, max(rise, 0.0), atol=1e-5)
        late, early = values[-WINDOW:], values[-length:][:WINDOW]
        has_risen = np.median(late) > np.median(early) and np.max(late) > np.max(early)
        assert bool(stops(emitter)) == (number > length and not has_risen)
    flat = emitter._replace(values=np.ones(emitter.values.shape, np.float32))
    assert stops(flat)


@pytest.mark.parametrize("size", [4, 5, 6, 8])
def test_equal_rewards_are_no_improvement(size):
    like, empty = no_emitter(EmitterConfig(emitter_size=size, num_emitters=1), size)

    def improvement(rewards):
        def step(emitter, reward):
            return aged(emitter, like._replace(reward=jnp.full(size, reward))), None

        return jax.lax.scan(step, empty, rewards)[0].improvement

    flat = [*np.arange(1.0, 51.0), 0.1, 0.37, 0.9, -0.7]
    rising = [1.0, 1.0, 1.0, 1.0, 1.0, 1.003]
    rewards = np.array([*([value] * 6 for value in flat), rising], np.float32)
    judged = np.asarray(jax.jit(jax.vmap(improvement))(rewards))
    assert not judged[:-1].any()
    np.testing.assert_allclose(judged[-1], 0.001, rtol=1e-2)


which_come_again = jax.jit(comes_again)


@settings(deadline=None)
@given(size=st.sampled_from([1, 2, 12]), data=st.data())
def test_what_comes_again_is_known(size, data):
    born = data.draw(st.lists(st.integers(0, 5), min_size=size, max_size=size))
    is_there = data.draw(st.lists(st.booleans(), min_size=size, max_size=size))
    again = np.asarray(which_come_again(np.array(born, np.int32), np.array(is_there)))
    # Of each solution that is there exactly one is left.
    left = [one for one, there, known in zip(born, is_there, again, strict=True) if there > known]
    assert sorted(left) == sorted({one for one, there in zip(born, is_there, strict=True) if there})
    assert not again[~np.array(is_there)].any()


def test_a_rewarded_genome_without_others_founds_with_the_usual_noise():
    config = replace(CONFIG, population_size=1, num_children=1)
    explorer = Explorer(DOMAIN, true_position(), config)
    pays = DOMAIN._replace(evaluate=lambda genome: DOMAIN.evaluate(0 * genome + 1.4))

    @jax.jit
    def population():
        nothing = nothing_found(DOMAIN, config.bins)
        return first_population(KEYS[0], explorer._replace(domain=pays), (), nothing)

    first = population()
    assert int(first.rewarded.size) == 1
    np.testing.assert_allclose(there(first.rewarded).spread, [config.deviation])


def test_emitters_need_rewarded_solutions_among_what_is_known():
    with pytest.raises(ValueError, match="knows_rewarded: False is not allowed"):
        sequential_emitters(Explorer(DOMAIN, true_position(), CONFIG), EMITTERS)


def test_what_is_put_aside_is_new_and_chosen_at_random():
    like, empty = no_emitter(EmitterConfig(kept_aside=2, num_emitters=1), 4)
    new = jnp.array([0.5, 0.0, 0.7, 0.6])
    put = jax.jit(put_aside)
    chosen = []
    for seed in range(60):
        emitter = jax.device_get(put(jax.random.key(seed), empty, like, new))
        assert (emitter.priority >= 0).all() and emitter.most_novel == np.float32(0.7)
        chosen += np.asarray(emitter.aside.born).tolist()
    # Child 2 isn't more novel than nothing.
    assert set(chosen) == {1, 3, 4}
    assert min(chosen.count(one) for one in (1, 3, 4)) > 20


def test_schedules():
    steps = jnp.arange(30)
    learns = np.flatnonzero(jax.vmap(later_and_later)(steps)).tolist()
    assert learns == [1, 3, 6, 10, 15, 21, 28]
    keys = jax.random.split(jax.random.key(0), 500)

    def share(schedule, step):
        course = Course(jnp.int32(step), jnp.array(True))
        return float(jax.vmap(lambda key: schedule(key, course))(keys).mean())

    assert share(less_and_less(10), 0) == 1.0 and share(less_and_less(10), 10) == 0.0
    assert abs(share(less_and_less(10), 5) - 0.5) < 0.1 and abs(share(by_chance(), 0) - 0.5) < 0.1


def test_signatures_of_paths_are_behaviours():
    outcomes = jax.jit(DOMAIN.evaluate)(jax.random.normal(jax.random.key(0), (3, 3)))
    assert isinstance(outcomes, Outcomes)
    for descriptor, size in (
        (path_signature(), 6),
        (path_signature(shows_time=True), 12),
        (path_signature(logarithmic=True), 3),
    ):

        def described(outcomes, descriptor=descriptor):
            return descriptor.describe((), descriptor.remember(jnp.zeros((3, 3)), outcomes))

        code, surprise = jax.jit(described)(outcomes)
        assert code.shape == (3, size) and not surprise.any()
        np.testing.assert_allclose(code[:, :2], outcomes.position, atol=1e-6)


@pytest.mark.parametrize(
    "method",
    [
        lambda: novelty_search(DOMAIN, true_position(), ExplorationConfig(population_size=300)),
        lambda: map_elites(DOMAIN, BatchConfig(batch_size=300)),
    ],
)
def test_steps_are_whole_generations(method):
    with pytest.raises(ValueError, match="evaluations_per_step: 1000 is not allowed"):
        method()
