"""What an adversary expects of an agent, against divergences in closed form."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.agents import ActorCriticConfig
from rlsuite.envs.cells import Cells
from rlsuite.envs.control import Pendulum
from rlsuite.envs.rooms import Corridors
from rlsuite.exploration import adversarial_guidance, episodic_counts, inverse_root
from rlsuite.exploration.fitting import FittingConfig
from rlsuite.methods.bonuses import BonusConfig, named_bonus
from tests.rlsuite.test_exploration import NUM_CELLS, NUM_WORKERS, visits

KEY = jax.random.key(0)
PERCEPTRON = ActorCriticConfig("perceptron", (16,))
FITTING = FittingConfig(learning_rate=0.03, num_mini_batches=1)
CHANCES = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
"""Of actions, in each of two observations."""


def acted(chances):
    """As many steps with each action as its chance has it, told with its probability."""
    steps = visits(0, length=20)
    seen = np.repeat(np.arange(2), 30)
    action = np.concatenate(
        [np.repeat(np.arange(3), (30 * each).round().astype(int)) for each in chances]
    )
    shape = steps.action.shape
    return steps._replace(
        observation=jnp.asarray(seen.reshape(shape)),
        action=jnp.asarray(action.reshape(shape)),
        log_probability=jnp.log(jnp.asarray(chances, jnp.float32))[seen, action].reshape(shape),
    )


def divergence(chances, others):
    return (chances * np.log(chances / others)).sum(axis=1).mean()


def test_what_is_paid_is_the_divergence_from_what_was_learned():
    bonus = adversarial_guidance(Corridors(3, 4), PERCEPTRON, FITTING)
    steps = acted(CHANCES)

    @jax.jit
    def run():
        first = bonus.init(KEY, NUM_WORKERS)
        learned = jax.lax.fori_loop(
            0, 300, lambda i, state: bonus.learn(jax.random.fold_in(KEY, i), state, steps), first
        )
        changed = acted(CHANCES[::-1])
        return [
            bonus.measure(*of)[1] for of in ((first, steps), (learned, steps), (learned, changed))
        ]

    before, after, changed = (np.asarray(paid, np.float64) for paid in run())
    # Adversaries begin near chance.
    np.testing.assert_allclose(
        before.mean(), divergence(CHANCES, np.full((2, 3), 1 / 3)), atol=0.02
    )
    np.testing.assert_allclose(after, 0.0, atol=0.02)
    np.testing.assert_allclose(changed.mean(), divergence(CHANCES[::-1], CHANCES), rtol=0.02)


def test_agac_adds_counts_of_the_episode():
    config = BonusConfig(kind="guidance", sum_weight=0.5, fitting=FITTING)
    world, cells = Corridors(3, 4), Cells(NUM_CELLS, None)
    bonus = named_bonus(world, cells, PERCEPTRON, config, ("guidance",))
    steps = visits(0)

    @jax.jit
    def both():
        state = bonus.init(KEY, NUM_WORKERS)
        alone = adversarial_guidance(world, PERCEPTRON, FITTING)
        counts = episodic_counts(NUM_CELLS, inverse_root)
        return (
            bonus.measure(state, steps)[1],
            alone.measure(state.parts["guidance"], steps)[1],
            counts.measure(counts.init(KEY, NUM_WORKERS), steps)[1],
        )

    paid, surprise, counted = both()
    np.testing.assert_allclose(paid, counted + 0.5 * surprise, rtol=1e-5)


def test_actions_of_a_box_have_densities():
    world = Pendulum()
    bonus = adversarial_guidance(world, replace(PERCEPTRON, recurrent_width=8))
    steps = visits(0)._replace(
        observation=jnp.zeros((40, NUM_WORKERS, 3)), action=jnp.zeros((40, NUM_WORKERS, 1))
    )
    paid = bonus.measure(bonus.init(KEY, NUM_WORKERS), steps)[1]
    # Told with a density of one; the adversary begins with a standard normal distribution.
    assert paid.shape == (40, NUM_WORKERS)
    np.testing.assert_allclose(paid, np.log(np.sqrt(2 * np.pi)), rtol=1e-5)
