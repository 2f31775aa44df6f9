"""Tests of Go-Explore, on worlds whose cells can be counted."""

from functools import cache

import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.archive import only_start
from rlsuite.envs.cells import ONE_CELL, Cells, named_cells, rounded_observations
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.method import train
from rlsuite.methods.go_explore import NEVER, GoExploreConfig, go_explore, way_to
from tests.envs.key_door_text import START, distances, number_of

SIZE = 8
SEA, SEA_LEVEL = gymnax.make("DeepSea-bsuite", size=SIZE)
ROOMS = KeyDoors()
BY_PLACE = Cells(SIZE**2, lambda state, seen: state.row * SIZE + state.column)
BY_SITUATION = Cells(ROOMS.num_situations, lambda state, seen: ROOMS.situation(state))
CONFIG = GoExploreConfig(num_trajectories=32, trajectory_length=20, mean_repeat=3)


def in_the_sea(cells=BY_PLACE, **options):
    config = GoExploreConfig(
        num_trajectories=16, trajectory_length=SIZE, mean_repeat=1, max_length=SIZE
    )
    return go_explore(SEA, SEA_LEVEL, cells, config, **options)


def run(method, num_steps, seed=0):
    return jax.jit(train(method, num_steps))(jax.random.key(seed))


@pytest.fixture(scope="module")
def in_the_sea_for_long():
    """`seed -> state and metrics` of forty steps, by one program, made once for each seed."""
    program = jax.jit(train(in_the_sea(), 40))
    return cache(lambda seed: program(jax.random.key(seed)))


@pytest.fixture(scope="module")
def explored():
    """The rooms after three hundred steps."""
    method = go_explore(ROOMS, ROOMS.default_params, BY_SITUATION, CONFIG)
    return run(method, 300)


def test_the_cells_of_the_deep_sea_are_filled_and_no_others(in_the_sea_for_long):
    state, metrics = in_the_sea_for_long(0)
    rows, columns = np.divmod(np.arange(SIZE**2), SIZE)
    np.testing.assert_array_equal(state.archive.entered[:-1], columns <= rows)
    assert metrics["cells"][-1] == SIZE * (SIZE + 1) / 2
    # The one way to a cell is as long as its row is deep, and the corner pays.
    np.testing.assert_array_equal(state.archive.length[:-1][columns <= rows], rows[columns <= rows])
    np.testing.assert_allclose(metrics["ended_score"][-1], 0.99, rtol=1e-5)
    assert metrics["best_length"][-1] == SIZE


def test_other_cells_are_counted_beside_the_archives():
    """With one cell for all, the archive returns to the best state that there is."""
    state, metrics = run(in_the_sea(ONE_CELL, counted=named_cells(SEA)["place"]), 12)
    assert metrics["cells"][-1] == 1 and state.archive.entered.tolist() == [True, True]
    first = np.asarray(state.first_met)
    assert first[0] == 0 and metrics["counted"][-1] == (first < NEVER).sum()
    assert set(first) <= {0, NEVER, *np.asarray(metrics["seen_steps"], int)}
    rows, columns = np.divmod(np.arange(SIZE * (SIZE + 1)), SIZE)
    # An episode ends with the last row, and is counted no more.
    assert (first[(rows == SIZE) | (columns > rows)] == NEVER).all()


def test_without_returning_less_is_found(in_the_sea_for_long):
    """A uniform policy comes to the corner once in 256 episodes, and to its half way in 16."""
    _, returning = in_the_sea_for_long(0)
    _, starting = run(in_the_sea(weigh=only_start), 12)
    assert returning["cells"][:12].sum() > starting["cells"].sum()


def test_the_treasure_is_found_with_both_keys(explored):
    state, metrics = explored
    assert metrics["ended_score"][-1] == 18
    assert metrics["best_length"][-1] >= 46
    assert (np.diff(metrics["cells"]) >= 0).all()
    assert metrics["seen_steps"][-1] <= 300 * 32 * 20
    assert state.steps == metrics["seen_steps"][-1]
    # What would come after an episode's end is not counted.
    np.testing.assert_array_equal(np.cumsum(metrics["world_steps"]), metrics["seen_steps"])
    assert metrics["world_steps"].max() <= 32 * 20 and metrics["world_steps"][-1] < 32 * 20


def test_ways_lead_to_the_states_that_they_are_said_to(explored):
    archive, level = explored[0].archive, ROOMS.default_params
    entered = np.flatnonzero(archive.entered)
    step = jax.jit(ROOMS.step_env)
    for cell in [*entered[:: len(entered) // 8], entered[-1]]:
        _, state = ROOMS.reset_env(jax.random.key(0), level)
        score = 0.0
        for action in np.asarray(way_to(archive, cell)):
            _, state, reward, *_ = step(jax.random.key(0), state, action, level)
            score += float(reward)
        assert score == archive.score[cell]
        expected = jax.tree.map(lambda leaf, cell=cell: leaf[cell], archive.state)
        jax.tree.map(np.testing.assert_array_equal, state, expected)


def test_no_way_is_shorter_than_there_is(explored):
    """Beside a search of the level's text in breadth."""
    archive = jax.device_get(explored[0].archive)
    shortest = {number_of(situation): steps for situation, steps in distances()[0].items()}
    entered = np.flatnonzero(archive.length[:-1] >= 0)
    assert set(entered) <= set(shortest) and len(entered) > 200
    longer = archive.length[entered] - np.array([shortest[cell] for cell in entered])
    # Lengths come down to what there is.
    assert (longer >= 0).all() and (longer == 0).mean() > 0.5
    assert archive.length[number_of(START)] == 0


def test_the_same_key_explores_the_same(in_the_sea_for_long):
    """Traced and compiled once more, if only for its first steps."""
    state, metrics = in_the_sea_for_long(0)
    _, again = run(in_the_sea(), 3)
    jax.tree.map(lambda one, other: np.testing.assert_array_equal(one[:3], other), metrics, again)
    assert (state.archive.seen != in_the_sea_for_long(1)[0].archive.seen).any()


def test_actions_are_repeated_as_often_as_is_asked():
    """A world of one cell that counts what is done: of long runs of actions few are new."""

    def changes(mean_repeat):
        config = GoExploreConfig(64, 200, mean_repeat, max_length=200)
        method = go_explore(
            ROOMS,
            ROOMS.default_params.replace(max_steps_in_episode=jnp.int32(1000)),
            Cells(2, lambda state, seen: jnp.minimum(state.time // 200, 1)),
            config,
        )
        state = run(method, 1)[0]
        way = np.asarray(way_to(state.archive, 1))
        return (np.diff(way) != 0).mean()

    assert changes(1) > 0.6
    assert changes(10) < 0.2


def test_rounded_observations_tell_places_apart():
    cells = rounded_observations(2**13, 0.5)
    _, metrics = run(in_the_sea(cells), 40)
    assert metrics["cells"][-1] == SIZE * (SIZE + 1) / 2
    near, far = jnp.array([0.1, 0.9]), jnp.array([0.1, 1.4])
    assert cells.of((), near) == cells.of((), near + 0.1) != cells.of((), far)
    assert 0 <= cells.of((), {"one": near, "two": -far}) < 2**13
