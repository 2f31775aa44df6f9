"""Networks of an agent with what makes them act and learn: distributions and optimisers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.networks import NetworkConfig, make_network
from rlsuite.ranges import Positive


@dataclass(frozen=True)
class AgentConfig(NetworkConfig):
    """How an agent's networks are built and stepped, each by an optimiser of its own.

    Attributes:
      optimiser: plain gradient descent or Adam.
      policy_learning_rate: step size of the policy.
      prediction_learning_rate: step size of predictions and value critics.
      max_gradient_norm: gradients of each network are scaled down to this global norm.
    """

    optimiser: Literal["sgd", "adam"] = "sgd"
    policy_learning_rate: Positive = 40.0
    prediction_learning_rate: Positive = 4.0
    max_gradient_norm: Positive = 0.5


class HeadState(NamedTuple):
    """What learning changes in a head."""

    parameters: PyTree
    optimiser_state: optax.OptState


class Head(NamedTuple):
    """A network with its optimiser.

    Attributes:
      init: `key -> HeadState`.
      apply: `(parameters, observation) -> outputs`, over any leading axes of the observation.
      descend: `(state, gradients) -> state`, one optimiser step.
    """

    init: Callable[[PRNGKeyArray], HeadState]
    apply: Callable[[PyTree, PyTree], Float[Array, "*batch output"]]
    descend: Callable[[HeadState, PyTree], HeadState]


class Actor(NamedTuple):
    """A network whose output is a distribution of a world's actions.

    Attributes:
      init: `key -> parameters`.
      apply: `(parameters, observation) -> distribution`, over any leading axes of the observation.
    """

    init: Callable[[PRNGKeyArray], PyTree]
    apply: Callable[[PyTree, PyTree], distrax.Distribution]


def make_actor(
    world: Environment, config: NetworkConfig, *, output_gain: float | None = None
) -> Actor:
    r"""A stochastic policy for a world's actions.

    Discrete actions are categorical. Those in a box are normal,
    :math:`c + h (\mu_\theta(s) + \sigma \epsilon)` in each dimension, where :math:`c` is the centre
    of the box, :math:`h` half its width (0 and 1 where it has no bounds) and :math:`\sigma` a
    parameter that does not depend on the state and starts at 1. Samples may leave the box; what
    that means is the world's to say (gymnax's classic control clips).

    Args:
      world: the world; its default parameters give the shapes of observations and actions.
      config: architecture.
      output_gain: as in `make_network`.

    Raises:
      ValueError: if actions are neither discrete nor a box of real numbers, or if the architecture
        can't read the world's observations.
    """
    space = world.action_space(world.default_params)
    if isinstance(space, spaces.Discrete):
        network = make_network(world, space.n, config, output_gain=output_gain)
        return Actor(
            init=network.init,
            apply=lambda parameters, observation: distrax.Categorical(
                network.apply(parameters, observation)
            ),
        )
    if isinstance(space, spaces.Box) and jnp.issubdtype(space.dtype, jnp.floating):
        return _normal_actor(world, space, config, output_gain)
    raise ValueError(
        f"actions: {space} of {world.name} are not allowed; they must be discrete or a box of "
        "real numbers"
    )


def _normal_actor(
    world: Environment, space: spaces.Box, config: NetworkConfig, output_gain: float | None
) -> Actor:
    shape = tuple(space.shape)
    network = make_network(world, math.prod(shape), config, output_gain=output_gain)
    centre, half_width = _centre_and_half_width(space)

    def init(key):
        return {"mean": network.init(key), "log_deviation": jnp.zeros(shape)}

    def apply(parameters, observation):
        outputs = network.apply(parameters["mean"], observation)
        mean = outputs.reshape(*outputs.shape[:-1], *shape)
        deviation = jnp.exp(parameters["log_deviation"])
        normal = distrax.Normal(centre + half_width * mean, half_width * deviation)
        return distrax.Independent(normal, reinterpreted_batch_ndims=len(shape))

    return Actor(init=init, apply=apply)


def _centre_and_half_width(space: spaces.Box) -> tuple[np.ndarray, np.ndarray]:
    low, high = (
        np.broadcast_to(np.asarray(bound, np.float32), space.shape)
        for bound in (space.low, space.high)
    )
    with np.errstate(over="ignore", invalid="ignore"):
        centre, half_width = (low + high) / 2, (high - low) / 2
    # The width overflows as well where bounds are the largest numbers there are.
    bounded = np.isfinite(half_width)
    return np.where(bounded, centre, 0).astype(np.float32), np.where(bounded, half_width, 1).astype(
        np.float32
    )


def make_head(
    world: Environment, num_outputs: int, learning_rate: float, config: AgentConfig
) -> Head:
    """A network for a world's observations, with the optimiser the config asks for.

    Args:
      world: the world; its default parameters give the observations' shape.
      num_outputs: size of the output.
      learning_rate: the optimiser's step size.
      config: architecture and optimiser.

    Raises:
      ValueError: if the architecture can't read the world's observations.
    """
    network = make_network(world, num_outputs, config)
    optimiser = optax.chain(
        clip_by_global_norm(config.max_gradient_norm),
        _OPTIMISERS[config.optimiser](learning_rate),
    )

    def init(key):
        parameters = network.init(key)
        return HeadState(parameters, optimiser.init(parameters))

    def descend(state, gradients):
        updates, optimiser_state = optimiser.update(
            gradients, state.optimiser_state, state.parameters
        )
        return HeadState(optax.apply_updates(state.parameters, updates), optimiser_state)

    return Head(init=init, apply=network.apply, descend=descend)


# Meta-gradients differentiate through an agent's optimiser, where a gradient may be exactly zero (a
# dead unit, a state not visited, a policy that is certain). A square root has no derivative there:
# hence Adam's `eps_root`, and a clip of our own, equal to optax's but differentiable at zero.
ADAM_EPS_ROOT = 1e-12
_OPTIMISERS: dict[str, Callable[[float], optax.GradientTransformation]] = {
    "sgd": optax.sgd,
    "adam": partial(optax.adam, eps_root=ADAM_EPS_ROOT),
}


def clip_by_global_norm(max_norm: float) -> optax.GradientTransformation:
    """Scales gradients down to a global norm, as optax does, with a derivative at zero as well."""

    def clip(gradients, parameters):
        del parameters
        square = optax.tree.norm(gradients, squared=True)
        is_long = square > max_norm**2
        scale = jnp.where(is_long, max_norm / jnp.sqrt(jnp.where(is_long, square, 1.0)), 1.0)
        return jax.tree.map(lambda leaf: scale * leaf, gradients)

    return optax.stateless(clip)
