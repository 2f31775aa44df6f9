"""Corridors and rooms: rules by hand, maps by their properties, and solvers by brute force."""

from collections import deque

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.cells import CellWorld, find_cells, named_cells, rounded_observations
from rlsuite.envs.contexts import ManyMaps, MapTables
from rlsuite.envs.key_doors import KeyDoors
from rlsuite.envs.rooms import (
    Corridors,
    Map,
    Rooms,
    bank,
    key_room,
    multi_room,
)
from rlsuite.envs.rooms.recipes import _chains
from rlsuite.envs.rooms.world import (
    DOOR,
    FLOOR,
    GOAL,
    KEY,
    LAVA,
    MESSAGES,
    WALL,
    Params,
    State,
)
from rlsuite.envs.step_tables import optimal_return, optimal_values, reachable

KEY_0 = jax.random.key(0)
SIGNS = {".": FLOOR, "#": WALL, "~": LAVA, "G": GOAL, "K": KEY, "D": DOOR, "S": FLOOR}


def level_of(*drawings, max_steps=50):
    texts = [drawing.split() for drawing in drawings]
    cells = np.array([[SIGNS[sign] for sign in "".join(rows)] for rows in texts], np.int8)
    start = np.array(["".join(rows).index("S") for rows in texts])
    maps = Map(jnp.asarray(cells), jnp.asarray(start))
    return Params(max_steps_in_episode=jnp.int32(max_steps), maps=maps)


LOCKED = "##### #SK.# ###D# #G..# #####"


def play(world, level, actions):
    observation, state = world.reset_env(KEY_0, level)
    outcomes, step = [], jax.jit(world.step_env)
    for action in actions:
        observation, state, reward, terminated, _ = step(KEY_0, state, action, level)
        outcomes.append((int(state.position), MESSAGES[state.message], float(reward)))
    return outcomes, bool(terminated), state, observation


def test_one_corridor_fits_into_an_episode_and_one_pays():
    world = Corridors(3, 4)
    level, cells = world.default_params, world.cells["place"]
    for corridor, pays in ((2, 1.0), (1, 0.0)):
        seen, state = world.reset_env(KEY_0, level)
        assert seen == cells.of(state, seen) == 0
        for step, action in enumerate((corridor, 0, 0, 0)):
            seen, state, reward, terminated, _ = world.step_env(KEY_0, state, action, level)
            assert seen == corridor * 4 + step + 1 == cells.of(state, seen)
        assert (reward, terminated) == (pays, bool(pays))
        assert world.is_truncated(state, level)
    stayed = world.step_env(KEY_0, state.replace(place=jnp.int32(2)), 1, level)[1]
    assert stayed.place == 2
    with pytest.raises(ValueError, match="length: 0 is not allowed"):
        Corridors(3, 0)


def test_keys_doors_and_what_the_agent_is_told():
    world, level = Rooms(5, has_keys=True, view_radius=1), level_of(LOCKED)
    up, right, down, left, pick, opening = range(6)
    outcomes, ended, _, seen = play(
        world, level, [pick, up, right, pick, right, down, opening, down, down, left, left]
    )
    assert outcomes == [
        (6, "none", 0.0),
        (6, "none", 0.0),
        (7, "key here", 0.0),
        (7, "key taken", 0.0),
        (8, "none", 0.0),
        (8, "door locked", 0.0),
        (8, "door opened", 0.0),
        (13, "none", 0.0),
        (18, "none", 0.0),
        (17, "none", 0.0),
        (16, "goal here", 1.0),
    ]
    assert ended and seen.shape == world.observation_space().shape == (9 * 4 + 6,)
    # The key lies no more, and a second opening opens nothing.
    outcomes, *_ = play(world, level, [right, pick, right, opening, left, pick, opening])
    assert [told for _, told, _ in outcomes[3:]] == ["door opened", "none", "none", "none"]


def test_lava_ends_and_the_view_is_centred():
    world = Rooms(4, has_keys=False, view_radius=1, num_distractions=2)
    level = level_of("~~~~ ~SG~ ~..~ ~~~~")
    outcomes, ended, _, seen = play(world, level, [0])
    assert outcomes == [(1, "none", 0.0)] and ended
    blocked, goal = np.asarray(seen[:18]).reshape(2, 3, 3)
    # From the edge of the grid: beyond it there is nothing to step on.
    np.testing.assert_array_equal(blocked, [[1, 1, 1], [1, 1, 1], [1, 0, 0]])
    np.testing.assert_array_equal(goal, [[0, 0, 0], [0, 0, 0], [0, 0, 1]])
    noise = [world.reset_env(jax.random.key(seed), level)[0][18:] for seed in range(40)]
    assert 0.4 < np.mean(noise) < 0.6 and set(np.unique(noise)) == {0, 1}
    assert play(world, level, [1])[0] == [(6, "goal here", 1.0)]


def steps_to_goal(drawing_cells, side, start, has_keys):
    """Breadth-first search over positions and stages, with rules written anew."""
    grid = np.asarray(drawing_cells).reshape(side, side)
    first = (*divmod(int(start), side), 0)
    queue, known = deque([(first, 0)]), {first}
    while queue:
        (row, column, stage), steps = queue.popleft()
        around = [(row - 1, column), (row, column + 1), (row + 1, column), (row, column - 1)]
        following = []
        for place in around:
            code = grid[place]
            if code == GOAL:
                return steps + 1
            if code not in (WALL, LAVA) and (code != DOOR or stage == 2):
                following.append((*place, stage))
        if has_keys and stage == 0 and grid[row, column] == KEY:
            following.append((row, column, 1))
        if has_keys and stage == 1 and any(grid[place] == DOOR for place in around):
            following.append((row, column, 2))
        for state in following:
            if state not in known:
                known.add(state)
                queue.append((state, steps + 1))
    return None


def uniform_return(table, max_steps):
    """The expected undiscounted return of a uniform policy within the limit of an episode."""
    target = jnp.where(table.terminated, table.following.shape[0], table.following)
    share = 1 / table.reward.shape[1]

    def step(_, carry):
        probability, total = carry
        flow = jnp.broadcast_to(share * probability[:, None], target.shape)
        total += (flow * table.reward).sum()
        return jnp.zeros_like(probability).at[target].add(flow, mode="drop"), total

    probability = jnp.zeros(table.reward.shape[0]).at[table.start].set(1.0)
    return jax.lax.fori_loop(0, max_steps, step, (probability, jnp.zeros(())))[1]


@pytest.fixture(scope="module", params=[False, True], ids=["multi-room", "key room"])
def solved(request):
    """Forty maps of a recipe, and what the solver says of them."""
    has_keys = request.param
    world = Rooms(10 if has_keys else 13, has_keys=has_keys, view_radius=1)
    draw = key_room(10) if has_keys else multi_room(3, 13)
    cells = world.cells["position"]

    @jax.jit
    def solve(key):
        level = bank(key, draw, 40, 60)
        tables = jax.vmap(lambda c: world.map_table(level, c, cells))(jnp.arange(40))
        values = jax.vmap(lambda table: optimal_values(table, 0.9))(tables)
        known = jax.vmap(reachable)(tables)
        best = jax.vmap(optimal_return, (0, None))(tables, jnp.int32(15))
        uniform = jax.vmap(uniform_return, (0, None))(tables, level.max_steps_in_episode)
        return level, tables, values, known, best, uniform

    return world, solve(KEY_0)


def test_every_map_can_be_solved_and_values_are_those_of_the_shortest_way(solved):
    world, (level, tables, values, known, best, _) = solved
    for context in range(40):
        cells, start = level.maps.cells[context], level.maps.start[context]
        distance = steps_to_goal(cells, world.side, start, world.has_keys)
        assert distance is not None
        value = values[context, tables.start[context]]
        assert value == pytest.approx(0.9 ** (distance - 1), rel=1e-5)
        assert best[context] == (distance <= 15)
        assert known[context, tables.start[context]]
    codes = np.asarray(level.maps.cells)
    assert ((codes == GOAL).sum(axis=1) == 1).all()
    assert ((codes == KEY).sum(axis=1) == world.has_keys).all()
    assert len(np.unique(codes, axis=0)) == 40


def test_the_uniform_policys_return_is_that_of_episodes(solved):
    world, (level, *_, uniform) = solved
    if not world.has_keys:  # Once in a hundred thousand episodes: none to be seen.
        assert 0 < uniform.mean() < 1e-3
        return
    easiest = int(jnp.argmax(uniform))

    @jax.jit
    @jax.vmap
    def episode(key):
        def step(carry, key):
            state, reward, over = carry
            move_key, key = jax.random.split(key)
            action = jax.random.randint(move_key, (), 0, world.num_actions)
            _, state, gained, ended, _ = world.step_env(key, state, action, level)
            return (state, reward + jnp.where(over, 0.0, gained), over | ended), None

        start = world.start(level, jnp.int32(easiest)), jnp.zeros(()), jnp.zeros((), bool)
        return jax.lax.scan(step, start, jax.random.split(key, 60))[0][1]

    returns = np.asarray(episode(jax.random.split(KEY_0, 20_000)))
    error = returns.std() / len(returns) ** 0.5
    assert uniform[easiest] == pytest.approx(returns.mean(), abs=float(4 * error))


def test_chains_are_paths_without_crossings():
    chains = _chains(3, 4)
    assert len({chain.tobytes() for chain in chains}) == len(chains)
    for chain in chains:
        assert len({tuple(lot) for lot in chain}) == 4
        assert (np.abs(np.diff(chain, axis=0)).sum(axis=1) == 1).all()
    # Of the paths of two on a square lattice there are 2 for each of its 12 edges.
    assert len(_chains(3, 2)) == 24


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: multi_room(3, 12), "side: 12 is not allowed"),
        (lambda: multi_room(5, 13), "num_rooms: 5 is not allowed"),
        (lambda: key_room(7), "side: 7 is not allowed"),
        (lambda: Rooms(2, has_keys=True), "side: 2 is not allowed"),
    ],
)
def test_sizes_that_cannot_be_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_all_contexts_of_a_bank_are_met():
    world, level = Rooms(13, has_keys=False), bank(KEY_0, multi_room(2, 13), 5, 80)
    states = jax.vmap(lambda key: world.reset(key, level)[1])(jax.random.split(KEY_0, 200))
    met, counts = np.unique(states.context, return_counts=True)
    assert met.tolist() == list(range(5)) and counts.min() > 20
    np.testing.assert_array_equal(states.position, level.maps.start[states.context])


def test_the_first_of_a_levels_maps_can_be_kept():
    level = bank(KEY_0, multi_room(2, 13), 5, 80)
    assert isinstance(level, ManyMaps) and level.num_maps == 5
    kept = jax.jit(level.first_maps)(jnp.int32(2))
    assert kept.num_maps == 5 and kept.max_steps_in_episode == 80
    np.testing.assert_array_equal(kept.maps.cells, level.maps.cells[jnp.array([0, 1, 0, 1, 0])])
    assert not isinstance(Corridors().default_params, ManyMaps)
    assert isinstance(Rooms(13, has_keys=False), MapTables)
    assert not isinstance(Corridors(), MapTables)


def test_worlds_tell_cells_to_learners_through_resets():
    inner = Corridors(2, 3)
    world = CellWorld(inner, inner.cells["place"])
    level = world.default_params
    _, state = world.reset(KEY_0, level)
    passages = []
    for action in (1, 0, 0, 0):
        _, state, *_, info = world.step(KEY_0, state, action, level)
        passages.append(tuple(map(int, info["extra"])))
    # The end of the second corridor pays, and the next episode begins at the root.
    assert passages == [(0, 4), (4, 5), (5, 6), (0, 1)]
    assert world.observation_space(level).n == inner.num_places and world.num_actions == 2


def test_cells_go_by_name():
    hashed = rounded_observations(16, 1.0)
    rooms = Rooms(8, has_keys=True)
    assert set(named_cells(rooms)) == {"position", "view", "message"}
    # Of random bits there is no state to tell.
    assert set(named_cells(Rooms(8, has_keys=False, num_distractions=1))) == {"position"}
    assert find_cells(rooms, None, hashed).number == 64
    assert find_cells(rooms, "message", hashed).number == 6
    assert find_cells(KeyDoors(), None, hashed).number == KeyDoors().num_situations
    with pytest.raises(ValueError, match="cells: 'place' is not allowed"):
        find_cells(rooms, "place", hashed)
    state = State(
        **{name: jnp.int32(0) for name in ("time", "context", "stage")},
        position=jnp.int32(9),
        message=jnp.int32(2),
    )
    assert (rooms.cells["position"].of(state, None), rooms.cells["message"].of(state, None)) == (
        9,
        2,
    )


def test_in_a_process_of_64_bits_states_are_of_32_bits():
    """So that a scan over steps carries what it began with."""
    world = Rooms(5, has_keys=True)

    def play_once(key, level):
        _, state = world.reset_env(key, level)
        return state, world.step_env(key, state, 0, level)

    def traced(bits_64):
        with jax.enable_x64(bits_64):
            return jax.eval_shape(play_once, KEY_0, level)

    level = level_of(LOCKED)
    assert jax.tree.leaves(traced(True)) == jax.tree.leaves(traced(False))
