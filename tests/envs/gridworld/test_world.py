from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.envs.gridworld import GridWorld, TabularObservation, level_distribution

UP, DOWN, LEFT, RIGHT, STAY = range(5)
WORLD = GridWorld(max_side=4, max_objects=3, max_types=2)
DRAWN_WORLD = GridWorld(max_side=4, max_objects=3, max_types=2, tabular=False)


step_env = jax.jit(GridWorld.step_env, static_argnums=0)


def walk(world, level, actions, seed=0):
    """Step without automatic reset; every state, reward and termination on the way."""
    _, state = world.reset(jax.random.key(seed), level)
    trail = []
    for time, action in enumerate(actions):
        key = jax.random.fold_in(jax.random.key(seed), time)
        _, state, reward, terminated, _ = step_env(world, key, state, action, level)
        trail.append((state, float(reward), bool(terminated)))
    return trail


def positions(trail):
    return [int(state.position) for state, _, _ in trail]


def test_moves_and_edges(draw_level):
    level = draw_level(WORLD, "@.. ... ..0", rewards=(1.0,))
    actions = [UP, LEFT, RIGHT, RIGHT, RIGHT, STAY, DOWN, LEFT, UP]
    assert positions(walk(WORLD, level, actions)) == [0, 0, 1, 2, 2, 2, 6, 5, 1]


def test_walls_and_the_cells_outside_the_level_block(draw_level):
    level = draw_level(WORLD, "@#. ... ..0", rewards=(1.0,))
    actions = [RIGHT, DOWN, RIGHT, UP, DOWN, DOWN, RIGHT, RIGHT]
    assert positions(walk(WORLD, level, actions)) == [0, 4, 5, 5, 9, 9, 10, 10]


def test_an_object_pays_once_and_is_then_absent(draw_level):
    level = draw_level(WORLD, "@01 ... ...", rewards=(0.5, -1.0))
    trail = walk(WORLD, level, [RIGHT, STAY, RIGHT, LEFT])
    assert [reward for _, reward, _ in trail] == [0.5, 0.0, -1.0, 0.0]
    assert [state.object_exists.tolist() for state, _, _ in trail] == [
        [False, True, False],
        [False, True, False],
        [False, False, False],
        [False, False, False],
    ]


def test_a_collected_object_cannot_respawn_in_the_same_step(draw_level):
    level = draw_level(WORLD, "@0. ... ...", rewards=(1.0,), respawn=(1.0,))
    trail = walk(WORLD, level, [RIGHT, STAY, STAY, STAY])
    # It is absent after being collected, comes back under the agent, and is collected again.
    assert [reward for _, reward, _ in trail] == [1.0, 0.0, 1.0, 0.0]
    assert [bool(state.object_exists[0]) for state, _, _ in trail] == [False, True, False, True]


def test_the_object_under_the_start_is_collected_by_the_first_step(draw_level):
    level = draw_level(WORLD, "@0. ... ...", rewards=(1.0,))
    level = level.replace(object_position=jnp.zeros(3, jnp.int32))
    assert [reward for _, reward, _ in walk(WORLD, level, [STAY, STAY])] == [1.0, 0.0]


def test_termination_probabilities_of_objects_on_one_cell_add_up(draw_level):
    level = draw_level(WORLD, "@00 0.. ...", rewards=(1.0,), termination=(0.4,))
    level = level.replace(object_position=jnp.ones(3, jnp.int32))
    (_, reward, terminated), *_ = walk(WORLD, level, [RIGHT])
    assert (reward, terminated) == (3.0, True)


def test_termination_is_not_truncation(draw_level):
    level = draw_level(WORLD, "@01 ... ...", rewards=(1, 1), termination=(0.0, 1.0), max_steps=3)
    _, state = WORLD.reset(jax.random.key(0), level)
    flags = []
    for action in [RIGHT, STAY, LEFT, RIGHT, RIGHT, RIGHT, STAY, LEFT]:
        _, state, _, terminated, truncated, info = WORLD.step(
            jax.random.key(1), state, action, level
        )
        assert bool(info["terminated"]) == bool(terminated)
        assert bool(info["truncated"]) == bool(truncated)
        assert float(info["discount"]) == 1.0 - bool(terminated)
        flags.append((bool(terminated), bool(truncated), int(state.time)))
    assert flags == [
        (False, False, 1),
        (False, False, 2),
        (False, True, 0),
        (False, False, 1),
        (True, False, 0),
        (False, False, 1),
        (False, False, 2),
        (False, True, 0),
    ]


def test_both_flags_are_set_when_both_happen(draw_level):
    level = draw_level(WORLD, "@0. ... ...", rewards=(1.0,), termination=(1.0,), max_steps=1)
    _, state = WORLD.reset(jax.random.key(0), level)
    _, _, _, terminated, truncated, _ = WORLD.step(jax.random.key(1), state, RIGHT, level)
    assert bool(terminated)
    assert bool(truncated)


def test_final_observation_is_the_one_before_the_reset(draw_level):
    level = draw_level(WORLD, "@0. ... ...", rewards=(1.0,), max_steps=2)
    first, state = WORLD.reset(jax.random.key(0), level)
    seen, state, *_, info = WORLD.step(jax.random.key(1), state, DOWN, level)
    assert seen == info["final_observation"]
    seen, state, *_, info = WORLD.step(jax.random.key(2), state, RIGHT, level)
    assert seen == first
    assert int(info["final_observation"].index) == 5 + WORLD.cells
    np.testing.assert_allclose(info["final_observation"].time, 0.002, rtol=1e-6)
    assert int(state.time) == 0


@pytest.mark.parametrize(
    ("name", "field", "chance"),
    [
        ("termination", "terminated", 0.37),
        ("respawn", "respawned", 0.05),
    ],
)
def test_frequencies(draw_level, name, field, chance):
    level = draw_level(WORLD, "@0. ..0 ...", rewards=(1.0,), **{name: (chance,)})
    _, state = WORLD.reset(jax.random.key(0), level)
    state = state.replace(object_exists=jnp.array([True, False, False]))
    keys = jax.random.split(jax.random.key(1), 50_000)
    step = jax.jit(jax.vmap(WORLD.step_env, (0, None, None, None)))
    _, after, _, terminated, _ = step(keys, state, RIGHT, level)
    happened = {"terminated": terminated, "respawned": after.object_exists[:, 1]}[field]
    error = np.sqrt(chance * (1 - chance) / len(keys))
    assert abs(float(happened.mean()) - chance) < 5 * error
    assert not after.object_exists[:, 0].any()


def unroll(world, level, seed, length=150):
    """Random actions with automatic reset; states around every step."""

    def body(state, key):
        action_key, step_key = jax.random.split(key)
        action = jax.random.randint(action_key, (), 0, world.num_actions)
        seen, after, reward, terminated, truncated, info = world.step(
            step_key, state, action, level
        )
        return after, (state, action, seen, after, reward, terminated, truncated, info)

    _, state = world.reset(jax.random.key(seed), level)
    keys = jax.random.split(jax.random.key(seed), length)
    return jax.lax.scan(body, state, keys)[1]


SMALL = level_distribution("small")
DRAWN = level_distribution("rand_all")


@partial(jax.jit, static_argnums=0)
def unroll_sampled(distribution, seed):
    level, _ = distribution.sample(jax.random.key(seed))
    return level, unroll(distribution.world, level, seed)


@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=15, deadline=None)
def test_steps_agree_with_a_plain_reading_of_the_rules(seed):
    level, steps = jax.tree.map(np.asarray, unroll_sampled(SMALL, seed))
    before, actions, seen, after, rewards, terminated, truncated, info = steps
    world, side = SMALL.world, int(level.side)
    walls = level.walls.reshape(world.max_side, world.max_side)
    for t, action in enumerate(actions):
        row, column = divmod(int(before.position[t]), world.max_side)
        row_step, column_step = [(-1, 0), (1, 0), (0, -1), (0, 1), (0, 0)][action]
        to_row, to_column = row + row_step, column + column_step
        inside = 0 <= to_row < side and 0 <= to_column < side
        if inside and not walls[to_row, to_column]:
            row, column = to_row, to_column
        cell = row * world.max_side + column
        final_presence, final_cell = divmod(int(info["final_observation"].index[t]), world.cells)
        assert final_cell == cell
        reward, chance = 0.0, 0.0
        for slot, kind in enumerate(level.object_type):
            exists = bool(final_presence >> slot & 1)
            if kind < 0:
                assert not exists
            elif before.object_exists[t, slot]:
                collected = level.object_position[slot] == cell
                assert exists == (not collected)
                reward += collected * level.type_reward[kind]
                chance += collected * level.type_termination_probability[kind]
        np.testing.assert_allclose(rewards[t], reward, atol=1e-6)
        assert not terminated[t] or chance > 0
        assert truncated[t] == (before.time[t] + 1 == level.max_steps_in_episode)
        if terminated[t] or truncated[t]:
            assert (after.time[t], after.position[t]) == (0, level.start)
            assert (after.object_exists[t] == (level.object_type >= 0)).all()
        else:
            assert (after.time[t], after.position[t]) == (before.time[t] + 1, cell)
        presence = sum(1 << slot for slot in np.flatnonzero(after.object_exists[t]))
        assert seen.index[t] == after.position[t] + world.cells * presence


@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=15, deadline=None)
def test_drawn_objects_lie_on_free_cells(seed):
    level, steps = jax.tree.map(np.asarray, unroll_sampled(DRAWN, seed))
    before, _, seen, after, *_ = steps
    side = DRAWN.world.max_side
    for t in range(len(before.time)):
        cells = after.object_position[t][after.object_exists[t]]
        assert len(set(cells)) == len(cells)
        assert after.position[t] not in cells
        assert not level.walls[cells].any()
        assert (np.stack(divmod(cells, side)) < level.side).all()
        kept = before.object_exists[t] & after.object_exists[t] & (after.time[t] > 0)
        assert (before.object_position[t] == after.object_position[t])[kept].all()
        planes = seen[t, :-1].reshape(1 + DRAWN.world.max_types, -1)
        expected = np.zeros_like(planes)
        expected[0, after.position[t]] = 1
        expected[1 + level.object_type[after.object_exists[t]], cells] = 1
        np.testing.assert_array_equal(planes, expected)


def test_positions_are_drawn_anew_at_reset_and_respawn(draw_level):
    level = draw_level(DRAWN_WORLD, "@0.. .... .... ....", rewards=(1.0,), respawn=(1.0,))
    keys = jax.random.split(jax.random.key(0), 500)
    _, states = jax.vmap(DRAWN_WORLD.reset, (0, None))(keys, level)
    assert set(np.asarray(states.object_position)[:, 0]) == set(range(1, 16))
    state = jax.tree.map(lambda leaf: leaf[0], states).replace(object_exists=jnp.zeros(3, bool))
    step = jax.jit(jax.vmap(DRAWN_WORLD.step_env, (0, None, None, None)))
    _, after, *_ = step(keys, state, DOWN, level)
    assert set(np.asarray(after.object_position)[:, 0]) == set(range(16)) - {4}
    assert after.object_exists[:, 0].all()


def test_one_hot_is_a_view_of_the_index(draw_level):
    one_hot_world = GridWorld(max_side=4, max_objects=3, max_types=2, observation="one_hot")
    level = draw_level(WORLD, "@0. ..1 ...", rewards=(1.0,), respawn=(0.3, 0.3))
    _, state = WORLD.reset(jax.random.key(0), level)
    for time in range(20):
        key = jax.random.key(time)
        by_index, after, *_ = WORLD.step(key, state, time * 3 % 5, level)
        vector, state, *_ = one_hot_world.step(key, state, time * 3 % 5, level)
        jax.tree.map(np.testing.assert_array_equal, after, state)
        assert np.flatnonzero(vector[:-1]) == [by_index.index]
        assert vector[int(by_index.index)] == 1.0
        assert vector[-1] == by_index.time


@pytest.mark.parametrize("observation", ["index", "one_hot"])
@pytest.mark.parametrize("tabular", [True, False])
def test_spaces_contain_what_the_world_gives(tabular, observation):
    world = GridWorld(
        max_side=3, max_objects=2, max_types=2, tabular=tabular, observation=observation
    )
    keys = jax.random.split(jax.random.key(0), 8)
    seen, state = jax.vmap(world.reset)(keys)
    actions = jax.vmap(world.action_space().sample)(keys)
    seen, state, *_, info = jax.vmap(world.step)(keys, state, actions)
    for observed in (seen, info["final_observation"]):
        assert jax.vmap(world.observation_space().contains)(observed).all()
        example = jax.tree.map(lambda leaf: leaf[0], observed)
        if tabular and observation == "index":
            assert isinstance(example, TabularObservation)
            assert example.index.dtype == jnp.int32
        else:
            assert example.shape == world.observation_space().shape
            assert example.dtype == jnp.float32
    assert jax.vmap(world.state_space().contains)(state).all()


def test_equal_worlds_keep_their_own_default_levels():
    one, other = (
        GridWorld(max_side=3, default_params=GridWorld(max_side=3).default_params.replace(start=s))
        for s in (jnp.int32(1), jnp.int32(4))
    )
    assert one == other
    assert hash(one) == hash(other)
    assert one != GridWorld(max_side=3, observation="one_hot")
    for world, start in ((one, 1), (other, 4)):
        _, state = world.reset(jax.random.key(0))
        assert int(state.position) == start
        _, state, *_ = world.step(jax.random.key(0), state, STAY)
        assert int(state.position) == start


def test_same_key_same_step_with_typed_and_legacy_keys(draw_level):
    level = draw_level(WORLD, "@0. ..1 ...", rewards=(1.0,), respawn=(0.5, 0.5))
    results = [
        WORLD.step(key, WORLD.reset(key, level)[1], RIGHT, level)
        for key in (jax.random.key(3), jax.random.key(3), jax.random.PRNGKey(3))
    ]
    for result in results[1:]:
        jax.tree.map(np.testing.assert_array_equal, result, results[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_side": 1}, "max_side is 1; it must be at least 2"),
        ({"max_objects": 0}, "max_objects is 0; it must be at least 1"),
        ({"max_types": 0}, "max_types is 0; it must be at least 1"),
        ({"observation": "pixels"}, "observation is 'pixels'; it must be 'index' or 'one_hot'"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        GridWorld(**arguments)
