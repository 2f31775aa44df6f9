"""Tests of the rooms with keys and doors, beside a search of their text in Python."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.key_doors import KeyDoors, coarse
from rlsuite.envs.step_tables import optimal_return, reachable, sticky_optimal_return
from tests.envs.key_door_text import (
    START,
    by_chance,
    by_text,
    distances,
    number_of,
    states_of,
)

WORLD = KeyDoors()
LEVEL = WORLD.default_params


def state_of(situation):
    return jax.tree.map(lambda leaf: leaf[0], states_of([situation]))


def test_every_step_from_every_situation_is_that_of_the_text():
    known, _ = distances()
    cases = [(situation, action) for situation in known for action in range(4)]
    states = states_of([situation for situation, _ in cases])
    actions = jnp.array([action for _, action in cases])
    step = jax.jit(jax.vmap(WORLD.step_env, in_axes=(None, 0, 0, None)))
    _, after, rewards, terminated, _ = step(jax.random.key(0), states, actions, LEVEL)
    expected = [by_text(*case) for case in cases]
    np.testing.assert_array_equal(rewards, [reward for _, reward, _ in expected])
    np.testing.assert_array_equal(terminated, [ends for _, _, ends in expected])
    theirs = states_of([found for found, _, _ in expected])
    for name in ("position", "held", "opened"):
        np.testing.assert_array_equal(getattr(after, name), getattr(theirs, name))
    np.testing.assert_array_equal(after.time, 1)


def test_the_level_is_as_long_and_as_large_as_it_is_said_to_be():
    known, rewarded = distances()
    assert len(known) == 271
    first = sorted(rewarded.values())
    by_reward = {
        reward: min(length for (_, one), length in rewarded.items() if one == reward)
        for reward in (1.0, 3.0, 10.0)
    }
    assert by_reward == {1.0: 18, 3.0: 31, 10.0: 46}
    assert first[0] == 18


def test_situations_have_numbers_of_their_own():
    known, _ = distances()
    numbers = jax.vmap(WORLD.situation)(states_of(list(known))).tolist()
    assert numbers == [number_of(one) for one in known]
    assert len(set(numbers)) == len(known)
    assert max(numbers) < WORLD.num_situations


def test_chance_comes_to_the_first_key_and_to_the_treasure_as_rarely_as_is_said():
    first_key = by_chance(lambda found, reward: reward == 1)
    treasure = by_chance(lambda found, reward: reward == 10)
    assert first_key == pytest.approx(7.5e-5, rel=0.01)
    assert treasure == pytest.approx(8e-15, rel=0.1)


def test_situations_have_names():
    numbers = {
        int(WORLD.situation(state_of(((1, 1), held, opened)))) % 9
        for held, opened in [(frozenset("k"), frozenset()), (frozenset("K"), frozenset("d"))]
    }
    names = {WORLD.situation_name(number) for number in numbers}
    assert names == {"k held", "d open, K held"} and WORLD.situation_name(0) == "no key yet"
    assert WORLD.signs[1, 1] == "S" and WORLD.signs[11, 11] == "T" and WORLD.is_wall[0].all()


def test_an_observation_shows_what_is_left():
    def planes(situation):
        return np.asarray(WORLD.get_obs(state_of(situation), LEVEL))

    first = planes(START)
    assert first.shape == WORLD.observation_space(LEVEL).shape
    assert first[1, 1, 0] == 1 and first[..., 0].sum() == 1
    assert first[11, 1, 4] == 1 and first[3, 6, 6] == 1 and not first[..., 8:].any()
    holding = planes(((11, 1), frozenset("k"), frozenset()))
    assert not holding[..., 4].any() and holding[..., 8].all() and not holding[..., 9].any()
    opened = planes(((3, 6), frozenset(), frozenset("d")))
    assert not opened[..., 4].any() and not opened[..., 6].any() and not opened[..., 8].any()


def test_the_limit_truncates():
    state = state_of(START).replace(time=jnp.int32(199))
    *_, terminated, truncated, _ = WORLD.step(jax.random.key(0), state, 0, LEVEL)
    assert truncated and not terminated


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        ("###\n#S\n###", "not all of the same length"),
        ("####\n#..#\n####", "0 starts are not allowed"),
        ("####\n#SS#\n####", "2 starts are not allowed"),
        ("####\n#S?#\n####", "'\\?' is not allowed"),
    ],
)
def test_drawings_that_are_no_levels_are_refused(drawing, message):
    with pytest.raises(ValueError, match=message):
        KeyDoors(drawing)


def test_worlds_are_equal_where_their_drawings_are():
    assert KeyDoors() == KeyDoors() and hash(KeyDoors()) == hash(KeyDoors())
    assert KeyDoors() != KeyDoors(max_steps=50)


def test_coarse_pictures_alias_places_of_a_block_and_tell_keys_apart():
    _, state = WORLD.reset_env(jax.random.key(0), LEVEL)
    cells = WORLD.cells["blocks"]

    def seen(row, column, **changes):
        there = state.replace(position=jnp.int32(13 * row + column), **changes)
        return int(cells.of(there, WORLD.get_obs(there, LEVEL)))

    assert seen(1, 1) == seen(2, 1) == seen(1, 2) != seen(3, 1)
    held = jnp.array([True, False])
    assert seen(1, 1) != seen(1, 1, held=held) != seen(1, 1, opened=held)
    assert 0 <= seen(12, 12) < cells.number


def test_pictures_that_differ_are_cells_of_their_own_but_for_one_pair():
    """Of the 271 live situations. By hashing two of 56 are likely to share a cell (3 in 8)."""
    states = states_of(list(distances()[0]))
    seen = jax.jit(jax.vmap(lambda state: WORLD.get_obs(state, LEVEL)))(states)
    cells = jax.jit(jax.vmap(WORLD.cells["blocks"].of))(states, seen)
    pictures = jax.jit(jax.vmap(coarse))(seen)
    flat = np.asarray(pictures).reshape(len(pictures), -1)
    assert len(np.unique(flat, axis=0)) == 56 and len(np.unique(cells)) == 55


def test_the_table_of_steps_holds_what_a_search_finds():
    @jax.jit
    def found():
        table = WORLD.step_table(LEVEL)
        returns = [optimal_return(table, jnp.int32(limit)) for limit in (45, 46)]
        sticky = [sticky_optimal_return(table, p, 60) for p in (0.0, 0.25)]
        bare = WORLD.step_table(LEVEL.replace(key_payoff=jnp.float32(0)))
        returns.append(optimal_return(bare, jnp.int32(46)))
        return table, reachable(table).sum(), returns, sticky

    table, number, returns, sticky = jax.tree.map(np.asarray, found())
    assert number == len(distances()[0])
    # The treasure is 46 moves away; what comes before it pays 8.
    assert returns == [8, 18, 16] and sticky[0] == 18

    def own_values(number, chosen=None, discount=1.0):
        """A plain loop over the rooms: the best, or what always choosing so comes to."""
        values = np.zeros((WORLD.num_situations, 4))
        for _ in range(number):
            after = values[table.following, np.arange(4)]
            own = table.reward + discount * np.where(table.terminated, 0, after)
            does = own.argmax(axis=1) if chosen is None else chosen
            values = 0.75 * np.take_along_axis(own, does[:, None], axis=1) + 0.25 * own
        return own, does[table.start]

    own, first = own_values(60)
    assert sticky[1] == pytest.approx(own[table.start, first], rel=1e-5)
    # Of those who know the situation alone, and not the time, one comes within a thousandth.
    own, first = own_values(200)
    best = own[table.start, first]
    alone, first = own_values(200, own_values(600, discount=0.999)[0].argmax(axis=1))
    assert best == pytest.approx(15.311, abs=1e-3)
    assert 0 <= best - alone[table.start, first] < 1e-3 * best


def test_no_policy_comes_further_where_actions_stick():
    # One step to the right, and the next must not be the same.
    trap = KeyDoors("#####\n#S.X#\n##T##\n#####", keys=())

    @jax.jit
    def best(probability, limit):
        return sticky_optimal_return(trap.step_table(trap.default_params), probability, limit)

    for probability in (0.0, 0.25, 1.0):
        assert best(probability, 10) == pytest.approx(10 * (1 - probability))
    assert best(0.25, 1) == 0
