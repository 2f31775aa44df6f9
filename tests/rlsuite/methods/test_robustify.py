"""Tests of the backward algorithm, on corridors where success can be arranged."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite.agents import ActorCriticConfig
from rlsuite.curricula.backward import Tries, count_tries, no_tries, slide
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cells import Cells
from rlsuite.envs.restarts import Attempt, RestartParams, RestartWorld, demonstrate
from rlsuite.envs.rooms import Corridors
from rlsuite.envs.sticky import StickyWorld
from rlsuite.lifetime import Life, LifeConfig, Task
from rlsuite.method import train
from rlsuite.methods.go_explore import GoExploreConfig
from rlsuite.methods.robustify import RobustifyConfig, explore_and_robustify, robustify
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo

KEY = jax.random.key(0)
WORLD = Corridors(3, 6)
LEVEL = WORLD.default_params
COURSE = jnp.array([2, 0, 0, 0, 0, 0])
SHOWN = demonstrate(WORLD, LEVEL, COURSE, jnp.int32(6))


def where(latest, window=1, own_share=1.0, margin=50):
    return RestartParams(
        level=LEVEL,
        demonstration=SHOWN,
        latest=jnp.int32(latest),
        window=jnp.int32(window),
        own_share=jnp.float32(own_share),
        margin=jnp.int32(margin),
    )


def test_a_sticky_world_repeats_what_was_done():
    world = StickyWorld(WORLD, 0.25)
    _, start = world.reset_env(KEY, LEVEL)
    # The first action is done as it is, whatever the draw.
    firsts = jax.vmap(lambda key: world.step_env(key, start, 1, LEVEL)[1])(
        jax.random.split(KEY, 200)
    )
    assert (firsts.action == 1).all() and (firsts.world.corridor == 1).all()
    inside = jax.tree.map(lambda leaf: leaf[0], firsts)
    seconds = jax.vmap(lambda key: world.step_env(key, inside, 0, LEVEL)[1])(
        jax.random.split(KEY, 2000)
    )
    stuck = np.asarray(seconds.action == 1)
    assert stuck.mean() == pytest.approx(0.25, abs=0.04)
    # Whoever goes on repeats what entered the corridor where it sticks, which stays.
    np.testing.assert_array_equal(np.asarray(seconds.world.place), np.where(stuck, 1, 2))
    with pytest.raises(ValueError, match="probability: 2 is not allowed"):
        StickyWorld(WORLD, 2)


def test_a_demonstration_is_what_its_actions_lead_to():
    np.testing.assert_array_equal(SHOWN.state.place, np.arange(7))
    np.testing.assert_array_equal(SHOWN.score, [0, 0, 0, 0, 0, 0, 1])


def test_episodes_begin_in_the_window_and_end_with_success_or_behind():
    world = RestartWorld(WORLD)
    keys = jax.random.split(KEY, 500)
    states = jax.vmap(lambda key: world.reset(key, where(4, window=3))[1])(keys)
    assert np.unique(states.place).tolist() == [2, 3, 4]
    with jax.enable_x64(True):
        _, state = jax.eval_shape(world.reset, jax.random.key(0), where(4))
    assert (state.place.dtype, state.clock.dtype) == (jnp.int32, jnp.int32)
    np.testing.assert_array_equal(states.world.place, states.place)
    states = jax.vmap(lambda key: world.reset(key, where(1, window=3))[1])(keys)
    assert np.bincount(states.place, minlength=2) / 500 == pytest.approx([2 / 3, 1 / 3], abs=0.07)
    states = jax.vmap(lambda key: world.reset(key, where(3, own_share=0.0))[1])(keys)
    assert np.unique(states.place).tolist() == [3, 4, 5]
    _, state = world.reset(KEY, where(5))
    _, after, reward, ended, info = world.step_env(KEY, state, 0, where(5))
    assert (reward, ended, after.score) == (1, True, 1) and info["extra"] == Attempt(5, True, 1)
    # With no margin a score below the demonstration's of this very step is too late.
    late = state.replace(clock=jnp.int32(5))
    *_, ended, info = world.step_env(KEY, late, 1, where(5, margin=0))
    assert ended and not info["extra"].succeeded
    assert not world.step_env(KEY, late, 1, where(5, margin=1))[3]


def test_tries_are_counted_by_where_they_began():
    places, succeeded = jnp.array([[1, 2], [1, 2]]), jnp.array([[True, False], [False, True]])
    attempts = Attempt(places, succeeded, jnp.zeros((2, 2)))
    ended = jnp.array([[True, False], [True, True]])
    tries = count_tries(no_tries(4), attempts, ended)
    assert tries.begun.tolist() == [0, 2, 1, 0] and tries.succeeded.tolist() == [0, 1, 1, 0]


def test_success_everywhere_slides_to_the_start_without_delay():
    always = Tries(jnp.ones(41, jnp.int32), jnp.ones(41, jnp.int32))
    latest, course = jnp.int32(40), [40]
    while latest > 0:
        latest = slide(latest, always, 10, threshold=0.2, retreat=5, last=jnp.int32(40))
        course.append(int(latest))
    # Two of ten places are enough: the window moves by eight.
    assert course == [40, 32, 24, 16, 8, 0]
    never = no_tries(41)
    options = {"threshold": 0.2, "retreat": 5, "last": jnp.int32(40)}
    assert slide(jnp.int32(30), never, 10, **options) == 35
    assert slide(jnp.int32(38), never, 10, **options) == 40
    assert slide(jnp.int32(7), always, 1, **options) == 6


CONFIG = RobustifyConfig(
    networks=ActorCriticConfig("table"),
    ppo=PPOConfig(num_epochs=2, num_mini_batches=1, learning_rate=5e-2),
    life=LifeConfig(num_workers=8, rollout_length=12),
    window=3,
    slide_every=4,
)


def test_a_window_of_one_at_the_start_is_ppo():
    world = StickyWorld(WORLD, CONFIG.stickiness)
    objective = ppo(world, CONFIG.networks, CONFIG.ppo, ppo_clip(CONFIG.clip_epsilon), 8)
    plain = Life(world, objective, 8, 12)
    own = CONFIG.life_in(RestartWorld(WORLD))
    agents = (
        plain.init(KEY, Task(LEVEL, jnp.int32(9))),
        own.init(KEY, Task(where(0), jnp.int32(9))),
    )
    for _ in range(3):
        agents = plain.update((), agents[0])[0], own.update((), agents[1])[0]
        jax.tree.map(np.testing.assert_array_equal, agents[0].learner, agents[1].learner)
    np.testing.assert_array_equal(
        agents[0].worlds.state.world.place, agents[1].worlds.state.world.world.place
    )


def test_both_phases_find_the_corridor_and_hold_it_where_actions_stick():
    """PPO alone would need three of the right kind of luck for each action (3^-6 an episode)."""
    world, num_updates = Corridors(3, 8), 60
    level = world.default_params.replace(max_steps_in_episode=jnp.int32(16))
    cells = Cells(world.num_places, lambda state, seen: world.place(state))
    explore = GoExploreConfig(
        num_trajectories=16, trajectory_length=8, mean_repeat=2, max_length=16
    )
    config = replace(CONFIG, sees_cells=True)
    method = explore_and_robustify(
        world, level, cells, explore, config, num_steps=15, num_updates=num_updates, num_agents=2
    )
    state, metrics = jax.jit(train(method, 15 + num_updates))(KEY)
    assert metrics["best_score"][14] == 1 and np.isnan(metrics["best_score"][15])
    assert metrics["is_done"][-1] == 1 and metrics["success"][-10:].mean() > 0.9
    assert np.nanmean(metrics["start_return"][-10:]) > 0.9
    life = config.life_in(config.seen(world, cells))

    def mean_return(key, agent):
        alone = agent._replace(task=Task(level, agent.task.lifetime))
        return life.mean_return(key, alone, 64)

    means = jax.jit(jax.vmap(mean_return))(jax.random.split(KEY), state.second.agent)
    assert (means > 0.9).all()


def test_a_demonstration_may_come_from_anywhere():
    method = robustify(WORLD, LEVEL, SHOWN, CONFIG, num_updates=10)
    state, metrics = jax.jit(train(method, 2))(KEY)
    assert state.agent.num_updates == 2 and metrics["latest_start"].shape == (2,)
