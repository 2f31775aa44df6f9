"""Tests of what is shown of learned objectives."""

import distrax
import gymnax
import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.analysis import drift_surface, life_course
from rlsuite.drifts import discovered, ppo_clip
from rlsuite.lifetime import Life, Task
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.objective import Clock, Objective
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig, ppo

NOW = Clock(jnp.zeros(()), jnp.ones(()))


def cart_pole_course(config: PPOConfig, num_updates: int):
    world, params = gymnax.make("CartPole-v1")
    networks = NetworkConfig("perceptron", (8,), activation="tanh")
    life = Life(world, ppo(world, networks, config, ppo_clip(), 4), 4, 8)
    task = Task(jax.tree.map(jnp.asarray, params), jnp.int32(7))
    return life_course(life, jax.random.key(0), (), task, num_updates=num_updates)


def test_an_agent_that_does_not_move_changes_nothing():
    course = cart_pole_course(PPOConfig(learning_rate=0.0), 3)
    assert course["policy_entropy"].shape == (3,)
    np.testing.assert_allclose(course["policy_entropy"], np.log(2), rtol=1e-3)
    np.testing.assert_allclose(course["policy_change"], 0, atol=1e-7)
    np.testing.assert_allclose(course["prediction_change"], 0, atol=1e-7)


def test_the_horizon_is_the_lifetime_that_agents_are_told():
    # By the last of ten updates an annealed rate has fallen to a tenth; the task itself says seven.
    course = cart_pole_course(PPOConfig(learning_rate=1e-3, anneal_learning_rate=True), 10)
    change = np.asarray(course["prediction_change"])
    assert (change > 0).all()
    assert change[-1] < 0.3 * change[0]


def test_a_life_of_one_update_is_a_course_of_one():
    course = cart_pole_course(PPOConfig(learning_rate=1e-3, anneal_learning_rate=True), 1)
    assert {values.shape for values in course.values()} == {(1,)}
    assert all(np.isfinite(values).all() for values in course.values())
    assert course["prediction_change"][0] > 0


def test_slopes_of_a_drift_agree_with_finite_differences():
    ratios, advantages = jnp.linspace(0.4, 2.0, 33), jnp.array([-1.5, 0.7, 2.0])
    for drift in (ppo_clip(), discovered()):
        surface = drift_surface(drift, (), ratios, advantages, NOW)
        step = 1e-3
        above = drift_surface(drift, (), ratios + step, advantages, NOW).drift
        below = drift_surface(drift, (), ratios - step, advantages, NOW).drift
        away_from_kinks = np.abs(ratios - 0.8) + np.abs(ratios - 1.2) > 0.41
        assert surface.drift.shape == (3, 33)
        np.testing.assert_allclose(
            surface.slope[:, away_from_kinks],
            ((above - below) / (2 * step))[:, away_from_kinks],
            atol=5e-3,
        )


def test_the_clip_takes_all_the_gain_beyond_its_range():
    surface = drift_surface(ppo_clip(0.2), (), jnp.array([1.0, 1.5]), jnp.array([2.0]), NOW)
    np.testing.assert_allclose(surface.drift, [[0, 0.6]], atol=1e-6)
    np.testing.assert_allclose(surface.slope, [[0, 2]], atol=1e-6)


def test_rules_that_have_targets_show_how_hard_they_push(counting_world):
    def act(learner, memory, observation):
        return distrax.Categorical(jnp.zeros((*observation.shape[:-1], 2))), memory

    objective = Objective(
        init_parameters=lambda key: (),
        init=lambda key: jnp.zeros(()),
        policy=act,
        update=lambda key, parameters, learner, experience, clock: (
            learner,
            {"policy_target_norm": 4.0 * clock.num_updates**2},
        ),
    )
    life = Life(counting_world, objective, num_workers=2, rollout_length=3)
    task = Task(jax.tree.map(jnp.asarray, counting_world.default_params), jnp.int32(4))
    course = life_course(life, jax.random.key(0), (), task, num_updates=4)
    np.testing.assert_allclose(course["policy_target_size"], [0, 2, 4, 6])
    assert "prediction_change" not in course
