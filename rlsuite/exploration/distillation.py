r"""Novelty by random network distillation: how badly a fixed random network is foretold."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.agents import TrainState
from rlsuite.exploration.bonuses import Bonus, learn_nothing
from rlsuite.exploration.fitting import FittingConfig, encoder, fit
from rlsuite.networks import NetworkConfig
from rlsuite.rollout import Transition


class Novelty(NamedTuple):
    """How new observations are, for a single agent.

    Attributes:
      init: `key -> state`.
      of: `(state, observations) -> novelties`, over any leading axes.
      learn: `(key, state, transitions) -> state`.
    """

    init: Callable[[PRNGKeyArray], Any]
    of: Callable[[Any, PyTree], Float[Array, "*batch"]]
    learn: Callable[[PRNGKeyArray, Any, Transition], Any] = learn_nothing


class DistillationState(NamedTuple):
    """The fixed random network, and the one that is fitted to it."""

    target: PyTree
    predictor: TrainState


def random_network_distillation(
    world: Environment, networks: NetworkConfig, config: FittingConfig | None = None
) -> Novelty:
    r"""Random network distillation (Burda et al., arXiv 1810.12894), which is global.

    .. math::
        n(s) = \lVert f(s) - \bar f(s) \rVert^2

    for a fixed random :math:`\bar f` and an :math:`f` that descends the mean of this over what was
    come to. Public code of arXiv 2306.03236 takes the norm and not its square.

    Args:
      world: its observations are read.
      networks: of both.
      config: outputs, rate and mini-batches.
    """
    config = config or FittingConfig()
    network = encoder(world, networks, config.num_outputs)
    optimiser = optax.adam(config.learning_rate)

    def init(key):
        target_key, predictor_key = jax.random.split(key)
        parameters = network.init(predictor_key)
        predictor = TrainState(parameters, optimiser.init(parameters))
        return DistillationState(network.init(target_key), predictor)

    def errors(target, parameters, observation):
        wanted, _ = network.apply(target, (), observation)
        found, _ = network.apply(parameters, (), observation)
        return jnp.square(found - wanted).sum(axis=-1)

    def of(state, observation):
        return errors(state.target, state.predictor.parameters, observation)

    def learn(key, state, steps):
        def loss(parameters, observation):
            return errors(state.target, parameters, observation).mean()

        predictor = fit(
            key, optimiser, state.predictor, loss, steps.next_observation, config.num_mini_batches
        )
        return state._replace(predictor=predictor)

    return Novelty(init, of, learn)


def novelty_bonus(novelty: Novelty) -> Bonus:
    """Pays the novelty of what a step led to."""
    return _paying(novelty, lambda state, steps: novelty.of(state, steps.next_observation))


def novelty_difference(novelty: Novelty, scale: float = 0.1) -> Bonus:
    r"""Pays where novelty grows: :math:`[n(s_{t+1}) - c \, n(s_t)]_+`.

    Times `episodic_counts` it is NovelD (Zhang et al., 2021, as arXiv 2306.03236 has it).

    Args:
      novelty: :math:`n`.
      scale: :math:`c`.
    """

    def pay(state, steps):
        after = novelty.of(state, steps.next_observation)
        return jax.nn.relu(after - scale * novelty.of(state, steps.observation))

    return _paying(novelty, pay)


def _paying(
    novelty: Novelty, pay: Callable[[Any, Transition], Float[Array, "time worker"]]
) -> Bonus:
    return Bonus(
        init=lambda key, num_workers: novelty.init(key),
        measure=lambda state, steps: (state, pay(state, steps)),
        learn=novelty.learn,
    )
