r"""Adversarial guidance: how far the agent is from what another could have told of it."""

from dataclasses import replace

import jax
import optax
from gymnax.environments.environment import Environment

from rlsuite.agents import TrainState, make_actor
from rlsuite.exploration.bonuses import Bonus
from rlsuite.exploration.fitting import FittingConfig, fit
from rlsuite.networks import NetworkConfig


def adversarial_guidance(
    world: Environment, networks: NetworkConfig, config: FittingConfig | None = None
) -> Bonus:
    r"""Pays for what an adversary that imitates the agent did not expect of it.

    .. math::
        b_t = \log \pi(a_t | s_t) - \log \pi_\text{adv}(a_t | s_t), \qquad
        E_{a \sim \pi}[b_t] = \mathrm{KL}(\pi \,\|\, \pi_\text{adv})

    The adversary learns from the agent's steps after these were paid, by descending
    :math:`-\log \pi_\text{adv}(a_t | s_t)`, whose gradient is that of the divergence in the mean
    over actions. It should learn more slowly than the agent, or nothing is left to pay for
    (arXiv 2102.04376). With counts, :math:`\mathrm{KL} + \beta / \sqrt{N_e}`, it is AGAC's bonus as
    arXiv 2306.03236 has it. There the divergence is over all actions; here it is told by the one
    that was taken, which has the same mean, but in a product with what depends on the action.

    Args:
      world: of discrete actions or a box of them.
      networks: of the adversary, which remembers nothing.
      config: rate and mini-batches.

    Raises:
      ValueError: if the world's actions or observations can't be served.
    """
    config = config or FittingConfig()
    actor = make_actor(world, replace(networks, recurrent_width=None), output_gain=0.01)
    optimiser = optax.adam(config.learning_rate)

    def init(key, num_workers):
        del num_workers
        parameters = actor.init(key)
        return TrainState(parameters, optimiser.init(parameters))

    def expected(parameters, observation, action):
        return actor.apply(parameters, (), observation)[0].log_prob(action)

    def measure(state, steps):
        told = jax.vmap(lambda *step: expected(state.parameters, *step))
        return state, steps.log_probability - told(steps.observation, steps.action)

    def loss(parameters, batch):
        return -expected(parameters, *batch).mean()

    def learn(key, state, steps):
        batch = steps.observation, steps.action
        return fit(key, optimiser, state, loss, batch, config.num_mini_batches)

    return Bonus(init, measure, learn)
