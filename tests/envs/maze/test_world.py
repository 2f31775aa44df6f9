import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.envs.maze import Maze, parse_level
from rlsuite.envs.maze.world import FORWARD, LEFT, RIGHT, State

NUM_STEPS = 90
FLOOR, WALL, GOAL = (1, 0, 0), (2, 5, 0), (8, 1, 0)
MOVES = ((0, 1), (1, 0), (0, -1), (-1, 0))


def view_of(world, level, position, direction):
    """The window cut from a map with walls around it, and turned until ahead is up."""
    codes = np.array([FLOOR, WALL])[level.walls.astype(int)]
    codes[level.goal] = GOAL
    around, reach = world.view, world.view // 2
    padded = np.tile(np.array(WALL), (world.side + 2 * around, world.side + 2 * around, 1))
    padded[around:-around, around:-around] = codes.reshape(world.side, world.side, 3)
    row, column = (around + index for index in divmod(position, world.side))
    # North is up already, and each direction after it is a quarter turn further.
    turns = (direction + 1) % 4
    block = padded[row - around : row + around + 1, column - around : column + around + 1]
    turned = np.rot90(block, turns)
    middle = around
    return turned[middle - world.view + 1 : middle + 1, middle - reach : middle + reach + 1] / 10


def step_of(world, level, position, direction, action):
    """Where a step leads, and whether it is onto the goal."""
    if action in (LEFT, RIGHT):
        return position, (direction + (1 if action == RIGHT else -1)) % 4, False
    if action != FORWARD:
        return position, direction, False
    (row, column), (down, along) = divmod(position, world.side), MOVES[direction]
    row, column = row + down, column + along
    if not (0 <= row < world.side and 0 <= column < world.side):
        return position, direction, False
    ahead = row * world.side + column
    if ahead == level.goal:
        return position, direction, True
    return (position if level.walls[ahead] else ahead), direction, False


def walks(world, levels):
    """Everything that steps with random actions bring, `[level, step]` on every leaf."""

    # More often forward than turning, so as to get about.
    choices = jnp.array([LEFT, RIGHT, *[FORWARD] * 3, *range(3, world.num_actions)])

    def walk(key, level):
        observation, state = world.reset(key, level)

        def step(state, key):
            action_key, step_key = jax.random.split(key)
            action = jax.random.choice(action_key, choices)
            seen, after, *rest = world.step(step_key, state, action, level)
            return after, (state, action, seen, after, *rest)

        return observation, jax.lax.scan(step, state, jax.random.split(key, NUM_STEPS))[1]

    keys = jax.random.split(jax.random.key(1), len(levels.start))
    return jax.tree.map(np.asarray, jax.jit(jax.vmap(walk))(keys, levels))


@pytest.mark.parametrize(("view", "num_actions"), [(5, 3), (3, 7)])
def test_against_a_plain_derivation_step_by_step(random_levels, view, num_actions):
    world = Maze(random_levels.world.side, view=view, num_actions=num_actions)
    first, steps = walks(world, random_levels.batch)
    states, actions, seen, _, rewards, terminated, truncated, info = steps
    num_goals = num_cut = 0
    for n, level in enumerate(random_levels.each):
        position, direction, time = int(level.start), int(level.direction), 0
        start = view_of(world, level, position, direction)
        np.testing.assert_allclose(first.image[n], start, atol=1e-6)
        for t in range(NUM_STEPS):
            assert (states.position[n, t], states.direction[n, t], states.time[n, t]) == (
                position,
                direction,
                time,
            )
            position, direction, arrived = step_of(world, level, position, direction, actions[n, t])
            time += 1
            reward = 1 - 0.9 * time / level.max_steps_in_episode if arrived else 0
            assert rewards[n, t] == pytest.approx(reward, abs=1e-6)
            assert terminated[n, t] == info["terminated"][n, t] == arrived
            assert truncated[n, t] == info["truncated"][n, t] == (time == 40)
            assert info["discount"][n, t] == 1 - arrived
            shown = view_of(world, level, position, direction)
            final = info["final_observation"]
            np.testing.assert_allclose(final.image[n, t], shown, atol=1e-6)
            assert final.direction[n, t] == direction
            if arrived or time == 40:
                position, direction, time, shown = int(level.start), int(level.direction), 0, start
            np.testing.assert_allclose(seen.image[n, t], shown, atol=1e-6)
            assert seen.direction[n, t] == direction
            num_goals, num_cut = num_goals + arrived, num_cut + (time == 0 and not arrived)
    assert num_goals > 20 and num_cut > 20


def test_the_step_onto_the_goal_ends_the_episode_where_the_agent_stands():
    world, level = Maze(3), parse_level("... >G. ...", max_steps=10)
    _, state = world.reset(jax.random.key(0), level)
    _, state, reward, terminated, _ = world.step_env(jax.random.key(0), state, FORWARD, level)
    assert (int(state.position), bool(terminated)) == (3, True)
    assert float(reward) == pytest.approx(0.91)


def test_reward_of_the_last_step_there_is():
    world, level = Maze(3), parse_level(">G. ... ...", max_steps=1)
    _, state = world.reset(jax.random.key(0), level)
    _, _, reward, terminated, truncated, _ = world.step(jax.random.key(0), state, FORWARD, level)
    assert (bool(terminated), bool(truncated)) == (True, True)
    assert float(reward) == pytest.approx(0.1)


def test_observations_and_states_are_of_their_spaces():
    world = Maze(4)
    observation, state = world.reset(jax.random.key(0))
    space = world.observation_space(world.default_params)
    assert observation.image.shape == space.spaces["image"].shape == (5, 5, 3)
    assert space.spaces["direction"].n == 4
    assert set(world.state_space().spaces) == {"time", "position", "direction"}
    assert int(state.position) == 0 and world.action_space().n == 3


def test_equal_worlds_share_compiled_code():
    level = parse_level("G. .^")
    assert Maze(5) == Maze(5, default_params=level) and hash(Maze(5)) == hash(Maze(5))
    assert Maze(5) != Maze(5, view=3) != Maze(5, num_actions=7)
    assert repr(Maze(5)) == "Maze(side=5, view=5, num_actions=3)"


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"side": 1}, "side: 1 is not allowed; it must be at least 2"),
        ({"view": 4}, "view: 4 is not allowed; it must be odd"),
        ({"view": 1}, "view: 1 is not allowed; it must be odd and from 3 to 31"),
        ({"num_actions": 2}, "num_actions: 2 is not allowed; it must be from 3 to 7"),
        ({"num_actions": 8}, "num_actions: 8 is not allowed; it must be from 3 to 7"),
    ],
)
def test_sizes_out_of_range(sizes, message):
    with pytest.raises(ValueError, match=message):
        Maze(**sizes)


@pytest.mark.parametrize(("side", "view"), [(2, 31), (40, 3), (40, 9), (13, 5), (13, 7), (5, 13)])
def test_windows_hold_what_lies_in_the_cells_that_are_seen(side, view):
    """Also where a line of the grid is longer than one number has bits."""
    world = Maze(side, view=view)
    random = np.random.default_rng(0)
    walls = random.random(world.cells) < 0.4
    cells, turns = random.integers(0, world.cells, (2, 50), dtype=np.int32)
    states = State(time=np.zeros(50, np.int32), position=cells, direction=turns % 4)
    level = world.default_params.replace(walls=walls, goal=cells[0])
    seen = np.asarray(jax.jit(jax.vmap(world.seen_cells))(states))
    expected = np.array([FLOOR, WALL])[np.append(walls, True)[seen].astype(int)]
    expected[seen == cells[0]] = GOAL
    image = jax.jit(jax.vmap(world.get_obs, (0, None)))(states, level).image
    np.testing.assert_allclose(image, expected / 10, atol=1e-6)
