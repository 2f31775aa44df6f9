r"""Elliptical episodic bonuses (E3B): how little of a state's features the episode has seen."""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import distrax
import jax
import jax.numpy as jnp
import optax
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from rlsuite.agents import TrainState
from rlsuite.exploration.bonuses import Bonus, learn_nothing, passages
from rlsuite.exploration.fitting import FittingConfig, encoder, fit
from rlsuite.layers import Perceptron
from rlsuite.networks import NetworkConfig
from rlsuite.rollout import Transition


class Features(NamedTuple):
    """What a state is, as a vector, for a single agent.

    Attributes:
      size: of the vector.
      init: `key -> state` of whatever learns them.
      of: `(state, transitions) -> (left, entered)`, the features of where steps began and of where
        they led to.
      learn: `(key, state, transitions) -> state`.
    """

    size: int
    init: Callable[[PRNGKeyArray], Any]
    of: Callable[
        [Any, Transition],
        tuple[Float[Array, "time worker feature"], Float[Array, "time worker feature"]],
    ]
    learn: Callable[[PRNGKeyArray, Any, Transition], Any] = learn_nothing


def one_hot_cells(num_cells: int) -> Features:
    """The cell as a one-hot vector, in a `CellWorld`: E3B then counts, 1 / (ridge + N_e - 1)."""

    def of(state, steps):
        del state
        left, entered = passages(steps)
        one_hot = partial(jax.nn.one_hot, num_classes=num_cells, dtype=jnp.float32)
        return one_hot(left), one_hot(entered)

    return Features(num_cells, lambda key: (), of)


def inverse_dynamics(
    world: Environment, networks: NetworkConfig, config: FittingConfig | None = None
) -> Features:
    r"""Features by which the action can be told that led from one state to the next.

    An encoder and a head descend :math:`-\log p(a_t | \phi(s_t), \phi(s_{t+1}))`, so that features
    keep what the agent has a hand in (Pathak et al., arXiv 1705.05363; Henaff et al., arXiv
    2210.05805).

    Args:
      world: of discrete actions.
      networks: of the encoder. The head has one hidden layer, as wide as the features.
      config: size, rate and mini-batches.

    Raises:
      ValueError: if actions are not discrete.
    """
    config = config or FittingConfig()
    actions, size = world.action_space(world.default_params), config.num_features
    if not isinstance(actions, spaces.Discrete):
        raise ValueError(
            f"actions: {actions} of {world.name} are not allowed; they must be discrete"
        )
    encode = encoder(world, networks, size)
    head = Perceptron(1, (size,), actions.n)
    optimiser = optax.adam(config.learning_rate)

    def init(key):
        encoder_key, head_key = jax.random.split(key)
        pair = jax.ShapeDtypeStruct((2 * size,), jnp.float32)
        parameters = encode.init(encoder_key), head.lazy_init(head_key, pair)
        return TrainState(parameters, optimiser.init(parameters))

    def features(parameters, observation):
        return encode.apply(parameters, (), observation)[0]

    def of(state, steps):
        parameters, _ = state.parameters
        return (
            features(parameters, steps.observation),
            features(parameters, steps.next_observation),
        )

    def loss(parameters, batch):
        left, entered, action = batch
        pair = jnp.concatenate(
            [features(parameters[0], left), features(parameters[0], entered)], axis=-1
        )
        return -distrax.Categorical(head.apply(parameters[1], pair)).log_prob(action).mean()

    def learn(key, state, steps):
        batch = steps.observation, steps.next_observation, steps.action
        return fit(key, optimiser, state, loss, batch, config.num_mini_batches)

    return Features(size, init, of, learn)


def feature_change(features: Features) -> Bonus:
    r"""Pays for how far a step moves the features, :math:`\lVert \phi(s') - \phi(s) \rVert`.

    Times `episodic_counts(num_cells, inverse_root)` it is RIDE (Raileanu and Rocktäschel, arXiv
    2002.12292), here as arXiv 2306.03236 has it. Features are learned by inverse dynamics alone,
    where RIDE has a forward model as well.

    Args:
      features: of states.
    """

    def measure(state, steps):
        left, entered = features.of(state, steps)
        return state, jnp.linalg.norm(entered - left, axis=-1)

    return Bonus(lambda key, num_workers: features.init(key), measure, features.learn)


class EllipticalState(NamedTuple):
    """What learns the features, and of each worker's episode the inverse of its matrix."""

    features: Any
    inverse: Float[Array, "worker feature feature"]
    is_fresh: Bool[Array, " worker"]


def elliptical(features: Features, ridge: float = 0.1) -> Bonus:
    r"""The elliptical episodic bonus, E3B (Henaff et al., arXiv 2210.05805, equation 2).

    .. math::
        b_t = \phi(s_t)^\top C_{t-1}^{-1} \phi(s_t), \qquad
        C_{t-1} = \lambda I + \sum_{i < t} \phi(s_i) \phi(s_i)^\top

    where the sum is over the states of the episode, the one it began in among them. The inverse is
    kept by rank-one updates, :math:`u = C^{-1} \phi`, :math:`C^{-1} \leftarrow C^{-1} - u u^\top /
    (1 + b)`, which leave it symmetric. Each episode starts with the exact one of its first state,
    so that rounding has no longer than that to add up.

    Args:
      features: of states.
      ridge: :math:`\lambda`.

    Raises:
      ValueError: if `ridge` is not positive.
    """
    if ridge <= 0:
        raise ValueError(f"ridge: {ridge} is not allowed; it must be above 0")
    none = jnp.eye(features.size, dtype=jnp.float32) / ridge

    def init(key, num_workers):
        inverse = jnp.broadcast_to(none, (num_workers, *none.shape))
        return EllipticalState(features.init(key), inverse, jnp.ones(num_workers, bool))

    def measure(state, steps):
        left, entered = features.of(state.features, steps)

        def step(carry, inputs):
            inverse, is_fresh = carry
            begun, seen, ended = inputs
            first = jax.vmap(partial(_inverse_of_one, ridge))(begun)
            inverse = jnp.where(is_fresh[:, None, None], first, inverse)
            paid, inverse = _seen(inverse, seen)
            return (inverse, ended), paid

        carry = state.inverse, state.is_fresh
        carry, paid = jax.lax.scan(step, carry, (left, entered, steps.ended))
        return EllipticalState(state.features, *carry), paid

    def learn(key, state, steps):
        return state._replace(features=features.learn(key, state.features, steps))

    return Bonus(init, measure, learn)


def _inverse_of_one(
    ridge: float, features: Float[Array, " feature"]
) -> Float[Array, "feature feature"]:
    """The inverse of the matrix of a single state (Sherman and Morrison's formula)."""
    outer = jnp.outer(features, features) / (ridge + jnp.square(features).sum())
    return (jnp.eye(features.size, dtype=features.dtype) - outer) / ridge


def _seen(
    inverse: Float[Array, "worker feature feature"], features: Float[Array, "worker feature"]
) -> tuple[Float[Array, " worker"], Float[Array, "worker feature feature"]]:
    """The bonus of some features, and the inverse with them."""
    # What is added up over an episode mustn't be rounded to the factors of a tensor core.
    product = jnp.einsum("wij,wj->wi", inverse, features, precision=jax.lax.Precision.HIGHEST)
    bonus = (features * product).sum(axis=-1)
    outer = product[:, :, None] * product[:, None, :]
    return bonus, inverse - outer / (1 + bonus)[:, None, None]
