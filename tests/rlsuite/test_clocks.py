"""Tests of whose clocks may be set at random: those that feed nothing but the time limit."""

from typing import NamedTuple

import distrax
import gymnax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from rlsuite.clocks import clock_of, reads_clock, with_clock, without_clock
from rlsuite.envs import register_worlds
from rlsuite.envs.cheap_talk import CheapTalk
from rlsuite.envs.goals import GoalWorld, goal_form
from rlsuite.envs.messenger import MessengerWorld
from rlsuite.rollout import Levels, memoryless, reset_worlds, rollout, stagger

register_worlds()
KEY = jax.random.key(0)

HIDDEN = [
    *("CartPole-v1", "Pendulum-v1", "Acrobot-v1", "MountainCar-v0", "MountainCarContinuous-v0"),
    *("Asterix-MinAtar", "Breakout-MinAtar", "Freeway-MinAtar", "Seaquest-MinAtar"),
    *("SpaceInvaders-MinAtar", "Catch-bsuite", "DeepSea-bsuite", "SimpleBandit-bsuite"),
    *("FourRooms-misc", "Reacher-misc", "Swimmer-misc", "Pong-misc", "FrozenLake-misc"),
    *("Pendulum-control", "Reacher-control", "KeyDoors-v0", "SparsePoint-v0"),
]
"""Worlds whose clock cuts episodes and does nothing else."""

SHOWN = ["MetaMaze-misc", "PointRobot-misc", "BernoulliBandit-misc", "GaussianBandit-misc"]
"""Worlds whose observations show the time."""

CHAINS = ["MemoryChain-bsuite", "UmbrellaChain-bsuite", "DiscountingChain-bsuite"]
RULES = [*CHAINS, "Maze-v0"]
"""Worlds that pay or end by their clock."""

CONTINUOUS_RULES = ["RedundantArm-v0"]
"""The same, with actions that are not drawn from a list."""


def started(world, level=None, num_workers=64, staggered=True, key=KEY):
    levels = Levels(world.default_params if level is None else level)
    worlds = reset_worlds(key, world, levels, num_workers)
    return stagger(key, world, levels, worlds) if staggered else worlds


def is_staggered(world, level=None):
    """Whether the clocks are set at random. Traced only."""
    answers = []

    def start():
        levels = Levels(world.default_params if level is None else level)
        worlds = reset_worlds(KEY, world, levels, 4)
        answers.append(stagger(KEY, world, levels, worlds) is not worlds)

    jax.eval_shape(start)
    return answers[0]


def random_steps(world, num_steps, staggered, num_workers=64, level=None):
    """Steps by actions drawn uniformly, after worlds were staggered or not."""
    level = world.default_params if level is None else level
    num_actions = world.action_space(world.default_params).n
    policy = memoryless(lambda _: distrax.Categorical(jnp.zeros((num_workers, num_actions))))

    @jax.jit
    def run(key):
        worlds = started(world, level, num_workers, staggered)
        return rollout(key, world, Levels(level), policy, worlds, (), num_steps)[2].transitions

    return run(jax.random.key(1))


# --- Which worlds -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HIDDEN)
def test_a_clock_that_feeds_the_limit_alone_is_staggered(name):
    assert is_staggered(gymnax.make(name)[0])


@pytest.mark.parametrize("name", SHOWN + RULES + CONTINUOUS_RULES)
def test_a_clock_that_is_shown_or_part_of_the_rules_is_left_alone(name):
    assert not is_staggered(gymnax.make(name)[0])


def test_every_world_that_is_there_is_in_one_of_the_lists():
    names = {*HIDDEN, *SHOWN, *RULES, *CONTINUOUS_RULES, "GridWorld-v0", "MNISTBandit-bsuite"}
    others = {name: gymnax.make(name)[0] for name in set(gymnax.registered_envs) - names}
    # Other tests register worlds of their own.
    ours = ("gymnax", "rlsuite")
    assert not [name for name, world in others.items() if type(world).__module__.startswith(ours)]


def talk(world):
    space = world.observation_space(world.default_params)
    zeros = jnp.zeros((int(np.prod(space.shape)), 2))
    return CheapTalk(world, lambda weights, seen: seen.reshape(-1) @ weights, zeros, scale=1.0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("CartPole-v1", True), ("Breakout-MinAtar", True), *((name, False) for name in CHAINS)],
)
def test_a_world_with_talk_is_as_the_world_within(name, expected):
    assert is_staggered(talk(gymnax.make(name)[0])) == expected


def test_goals_and_messengers_are_as_the_world_within():
    goals = GoalWorld(world := gymnax.make("CartPole-v1")[0], goal_form(world))
    assert is_staggered(goals)
    assert is_staggered(talk(goals))
    messenger = MessengerWorld(
        goals, lambda agent, seen: jnp.int32(seen[0] > 0), message_size=2, scale=1.0
    )
    assert is_staggered(messenger)


# --- What stays true ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["CartPole-v1", "Reacher-misc", "FrozenLake-misc"])
def test_nothing_but_the_clock_is_touched(name):
    world = gymnax.make(name)[0]
    both = jax.jit(lambda: [started(world, staggered=on) for on in (False, True)])
    fresh, worlds = both()
    rest = [(without_clock(w.state), w.observation) for w in (fresh, worlds)]
    jax.tree.map(np.testing.assert_array_equal, *rest)
    clocks = np.asarray(clock_of(worlds.state))
    assert clocks.dtype == clock_of(fresh.state).dtype
    assert clocks.min() >= 0 and clocks.max() < world.default_params.max_steps_in_episode
    assert len(np.unique(clocks)) > 25
    np.testing.assert_array_equal(clocks, np.floor(clocks))


def test_memory_pays_nothing_before_its_end_after_staggering():
    steps = random_steps(gymnax.make("MemoryChain-bsuite")[0], 200, staggered=True)
    assert ((steps.reward != 0) & ~steps.terminated).sum() == 0
    assert (steps.reward != 0)[steps.terminated].all()


@pytest.mark.parametrize("name", [*RULES, *SHOWN[2:]])
def test_worlds_that_read_their_clocks_are_played_as_they_are(name):
    world = gymnax.make(name)[0]
    staggered, reference = (random_steps(world, 200, on, num_workers=8) for on in (True, False))
    jax.tree.map(np.testing.assert_array_equal, staggered, reference)


@pytest.mark.parametrize("name", ["Catch-bsuite", "SimpleBandit-bsuite", "CartPole-v1"])
def test_episodes_cut_by_staggered_clocks_are_else_those_of_the_rules(name):
    """The first episode is the reference's, step by step, up to where the clock cuts it."""
    world = gymnax.make(name)[0]
    level = world.default_params.replace(max_steps_in_episode=12)
    staggered, reference = (
        random_steps(world, 12, on, num_workers=32, level=level) for on in (True, False)
    )
    both = np.asarray(staggered.ended | reference.ended)
    alive = np.cumsum(both, axis=0) - both == 0
    assert (np.asarray(staggered.truncated) & alive).any(0).mean() > 0.1
    for field in ("observation", "action", "reward", "terminated", "next_observation"):
        first, second = (np.asarray(getattr(s, field))[alive] for s in (staggered, reference))
        np.testing.assert_array_equal(first, second)


# --- Clocks of other kinds ----------------------------------------------------------------------


def variant(world, **functions):
    return type("Variant", (type(world),), functions)()


def test_whatever_the_clock_feeds_keeps_it_as_it_is(hidden_clock_world):
    world = hidden_clock_world
    assert is_staggered(world)

    def feeding(index):
        def step_env(self, key, state, action, params):
            outputs = list(type(world).step_env(self, key, state, action, params))
            late = (state.time > 3).astype(jnp.int32)
            outputs[index] = (
                {"extra": late}
                if index == 4
                else outputs[index].replace(count=outputs[index].count + late)
                if index == 1
                else outputs[index] | (late > 0)
                if index == 3
                else outputs[index] + late
            )
            return tuple(outputs)

        return variant(world, step_env=step_env)

    for index in range(5):
        assert not is_staggered(feeding(index))


def test_an_end_by_the_limit_that_is_no_truncation_is_part_of_the_rules(hidden_clock_world):
    """As worlds of older releases of gymnax have it."""

    def step_env(self, key, state, action, params):
        *outputs, terminated, info = type(hidden_clock_world).step_env(
            self, key, state, action, params
        )
        return *outputs, terminated | (outputs[1].time >= params.max_steps_in_episode), info

    assert not is_staggered(variant(hidden_clock_world, step_env=step_env))


@struct.dataclass
class TwoClocks:
    time: jax.Array
    count: jax.Array
    ramp: jax.Array


def test_a_second_clock_goes_on_as_it_would(hidden_clock_world):
    class Ramp(type(hidden_clock_world)):
        """Pays what a clock of the rules says, of which the time limit knows nothing."""

        def reset_env(self, key, params):
            zero = jnp.zeros((), jnp.int32)
            return jnp.zeros(2), TwoClocks(time=zero, count=zero, ramp=zero)

        def step_env(self, key, state, action, params):
            state = TwoClocks(state.time + 1, state.count + action, state.ramp + 1)
            return self.get_obs(state), state, 1.0 * state.ramp, state.ramp >= 50, {}

    world = Ramp()
    level = world.default_params.replace(max_steps_in_episode=20)
    assert is_staggered(world, level)
    steps = random_steps(world, 40, staggered=True, level=level)
    assert steps.truncated[:19].any()
    since = np.zeros(64, int)
    for reward, ended in zip(steps.reward, steps.ended, strict=True):
        since += 1
        np.testing.assert_array_equal(reward, since)
        since[np.asarray(ended)] = 0


def test_worlds_without_a_clock_or_a_limit_are_left_alone(hidden_clock_world):
    class Timeless(NamedTuple):
        count: jax.Array

    class NoClock(type(hidden_clock_world)):
        def reset_env(self, key, params):
            return jnp.zeros(2), Timeless(jnp.zeros((), jnp.int32))

        def step_env(self, key, state, action, params):
            state = Timeless(state.count + action)
            return self.get_obs(state), state, jnp.zeros(()), state.count > 3, {}

        def is_truncated(self, state, params):
            return jnp.zeros((), bool)

    @struct.dataclass
    class NoLimit:
        goal: int = 100
        highest_start: int = 0

    class Endless(type(hidden_clock_world)):
        default_params = NoLimit()

        def is_truncated(self, state, params):
            return jnp.zeros((), bool)

    assert not is_staggered(NoClock())
    assert not is_staggered(Endless())
    never = type("Never", (type(hidden_clock_world),), {"is_truncated": Endless.is_truncated})
    assert not is_staggered(never())


def test_observations_are_never_asked_for(hidden_clock_world):
    class Keyed(type(hidden_clock_world)):
        """As the umbrella chain has it: an observation needs a key."""

        def get_obs(self, state, params=None, key=None):
            return state.count + jax.random.normal(key, (2,))

        def reset_env(self, key, params):
            zero = jnp.zeros((), jnp.int32)
            return jnp.zeros(2), TwoClocks(time=zero, count=zero, ramp=zero)

        def step_env(self, key, state, action, params):
            state = state.replace(time=state.time + 1, count=state.count + action)
            return self.get_obs(state, params, key), state, jnp.zeros(()), state.count > 3, {}

    assert is_staggered(Keyed())


@pytest.mark.parametrize("limit", [0, -5])
def test_a_limit_that_is_not_positive_staggers_nothing(hidden_clock_world, limit):
    level = hidden_clock_world.default_params.replace(max_steps_in_episode=limit)
    worlds = started(hidden_clock_world, level)
    np.testing.assert_array_equal(worlds.state.time, np.zeros(64))


@pytest.mark.parametrize(("limit", "largest"), [(3.0, 2), (2.5, 2), (1e9, 1e9)])
def test_a_limit_may_be_any_number(hidden_clock_world, limit, largest):
    level = hidden_clock_world.default_params.replace(max_steps_in_episode=limit)
    clocks = started(hidden_clock_world, level).state.time
    assert clocks.dtype == jnp.int32
    assert clocks.min() >= 0 and clocks.max() <= largest
    assert len(np.unique(clocks)) >= 3


# --- The parts ----------------------------------------------------------------------------------


class Outer(NamedTuple):
    world: TwoClocks
    time: jax.Array


def test_the_outermost_clock_is_the_worlds():
    inner = TwoClocks(time=jnp.array([1, 2]), count=jnp.array([3, 4]), ramp=jnp.array([5, 6]))
    both = Outer(inner, jnp.array([7, 8]))
    np.testing.assert_array_equal(clock_of(both), [7, 8])
    later = with_clock(both, jnp.array([9, 9]))
    np.testing.assert_array_equal(later.time, [9, 9])
    np.testing.assert_array_equal(later.world.time, [1, 2])
    assert len(without_clock(both)) == 3
    np.testing.assert_array_equal(clock_of({"within": inner, "score": jnp.zeros(2)}), [1, 2])
    assert clock_of((inner, inner)) is None
    assert clock_of({"time": jnp.array([True])}) is None


def test_dependence_is_read_off_the_program():
    state = {"time": jnp.array(3), "place": jnp.array(1.0)}

    def moved(state, step):
        def body(carry, _):
            place, time = carry
            return (jnp.where(place > 2, place - step, place + step), time + 1), place

        (place, time), trail = jax.lax.scan(body, (state["place"], state["time"]), length=4)
        place = jax.lax.cond(place > 0, lambda p: p * 2, lambda p: p, place)
        return {"place": place, "time": time, "trail": trail}

    assert reads_clock(moved, state, 0.5)
    assert not reads_clock(lambda *args: moved(*args)["place"], state, 0.5)
    assert not reads_clock(jax.jit(lambda *args: moved(*args)["trail"]), state, 0.5)
    assert reads_clock(lambda *args: jax.jit(moved)(*args)["time"], state, 0.5)
    assert reads_clock(lambda state: jnp.where(state["time"] > 2, 1, 0), state)
    assert not reads_clock(lambda state: jnp.zeros(3), state)


def test_what_no_agent_sees_may_read_the_clock(hidden_clock_world):
    def step_env(self, key, state, action, params):
        *results, info = type(hidden_clock_world).step_env(self, key, state, action, params)
        return *results, {**info, "discount": 1.0 - self.is_truncated(state, params)}

    assert is_staggered(variant(hidden_clock_world, step_env=step_env))


def test_worlds_without_an_end_are_left_alone(hidden_clock_world):
    level = hidden_clock_world.default_params.replace(max_steps_in_episode=jnp.inf)
    assert (started(hidden_clock_world, level).state.time == 0).all()
