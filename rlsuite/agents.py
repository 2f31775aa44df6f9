"""Networks of an agent with what makes them act and learn: distributions and optimisers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Generic, Literal, NamedTuple, get_args

import distrax
import jax
import jax.numpy as jnp
import optax
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray, PyTree

from rlsuite.actions import Actions, actions_of
from rlsuite.networks import Network, NetworkConfig, Output, Predictor, make_predictor
from rlsuite.ranges import Positive
from rlsuite.requirements import named, require_known


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


Torso = Literal["separate", "shared"]
"""What policy and critic have in common."""


@dataclass(frozen=True)
class ActorCriticConfig(NetworkConfig):
    """How policy and critic of an actor-critic are built.

    Attributes:
      torso: `separate`, a network for each, or `shared`, one network for both whose last layer is
        all they don't have in common (in a table that is everything).
    """

    torso: Torso = field(default="separate", kw_only=True)


Actor = Network[distrax.Distribution]
"""A network whose output is a distribution of a world's actions."""


class ActorPredictor(NamedTuple):
    """The policy's part and the predictor's, of whatever an agent has two of.

    Networks, optimisers, parameters, outputs, and memories, which are nothing by default.
    """

    policy: Any = ()
    prediction: Any = ()


ActorCritic = Network[ActorPredictor]
"""A network whose outputs are an `ActorPredictor`: a distribution of actions, and predictions."""


def side_by_side(actor: Actor, predictor: Predictor) -> ActorCritic:
    """Both as one network: parameters, memories and outputs are an `ActorPredictor` each."""

    def init(key):
        policy_key, prediction_key = jax.random.split(key)
        return ActorPredictor(actor.init(policy_key), predictor.init(prediction_key))

    def both(functions, parameters, memory, *inputs):
        parts = zip(functions, parameters, memory, strict=True)
        outputs, memories = zip(*(part(p, m, *inputs) for part, p, m in parts), strict=True)
        return ActorPredictor(*outputs), ActorPredictor(*memories)

    return Network(
        init=init,
        apply=partial(both, (actor.apply, predictor.apply)),
        unroll=partial(both, (actor.unroll, predictor.unroll)),
        init_memory=lambda num_workers: ActorPredictor(
            actor.init_memory(num_workers), predictor.init_memory(num_workers)
        ),
    )


class TrainState(NamedTuple):
    """What learning changes in a network."""

    parameters: PyTree
    optimiser_state: optax.OptState


class Trainable(NamedTuple, Generic[Output]):
    """A network with the optimiser that trains it."""

    network: Network[Output]
    optimiser: optax.GradientTransformation

    def init(self, key: PRNGKeyArray) -> TrainState:
        """Before any training."""
        parameters = self.network.init(key)
        return TrainState(parameters, self.optimiser.init(parameters))

    def descend(self, state: TrainState, gradients: PyTree) -> TrainState:
        """One step of the optimiser."""
        updates, optimiser_state = self.optimiser.update(
            gradients, state.optimiser_state, state.parameters
        )
        return TrainState(optax.apply_updates(state.parameters, updates), optimiser_state)


class TrainableAgent(NamedTuple):
    """What actor-critics and LPG's agents are made of."""

    policy: Trainable[distrax.Distribution]
    prediction: Trainable[Float[Array, "*batch prediction"]]

    def init(self, key: PRNGKeyArray) -> ActorPredictor:
        """The states of both before any training."""
        policy_key, prediction_key = jax.random.split(key)
        return ActorPredictor(self.policy.init(policy_key), self.prediction.init(prediction_key))

    def apply(
        self, states: ActorPredictor, memory: ActorPredictor, observation: PyTree
    ) -> tuple[ActorPredictor, ActorPredictor]:
        """Outputs of both, and what they remember."""
        return self._networks().apply(parameters_of(states), memory, observation)

    def init_memory(self, num_workers: int) -> ActorPredictor:
        """The memories of both before the first step of an episode."""
        return self._networks().init_memory(num_workers)

    def _networks(self) -> ActorCritic:
        return side_by_side(self.policy.network, self.prediction.network)


def parameters_of(states: ActorPredictor) -> ActorPredictor:
    """Without the states of their optimisers."""
    return ActorPredictor(*(state.parameters for state in states))


def make_agent(world: Environment, config: AgentConfig, num_predictions: int = 1) -> TrainableAgent:
    """A policy and a predictor for a world, with the optimisers that the config asks for.

    Args:
      world: the world; its default parameters give the shapes of observations and actions.
      config: architecture and optimisers.
      num_predictions: outputs of the predictor.

    Raises:
      ValueError: as `make_actor`, or if the optimiser is unknown.
    """
    make_optimiser = named("optimiser", config.optimiser, _OPTIMISERS)

    def optimiser(learning_rate):
        clip = clip_by_global_norm(config.max_gradient_norm)
        return optax.chain(clip, make_optimiser(learning_rate))

    policy, prediction = make_actor(world, config), make_predictor(world, num_predictions, config)
    return TrainableAgent(
        Trainable(policy, optimiser(config.policy_learning_rate)),
        Trainable(prediction, optimiser(config.prediction_learning_rate)),
    )


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
      output_gain: as in `make_predictor`.

    Raises:
      ValueError: if actions are neither discrete nor a box of real numbers, and as
        `make_predictor`.
    """
    actions = actions_of(world)
    network = make_predictor(world, actions.num_outputs, config, output_gain=output_gain)
    return _reading_out(network, actions, "mean", actions.distribution)


def make_actor_critic(
    world: Environment, config: NetworkConfig, *, policy_gain: float, value_gain: float
) -> ActorCritic:
    """A policy, as `make_actor` makes it, and a critic that predicts one number.

    Args:
      world: the world; its default parameters give the shapes of observations and actions.
      config: architecture; an `ActorCriticConfig` also says whether they share a torso.
      policy_gain: of the last layer of the policy, as in `make_predictor`.
      value_gain: of that of the critic. In a shared network the outputs of both start orthogonal to
        each other, if there are at most as many as units before them.

    Returns:
      A network whose predictions are the values, on a last axis of size one. What two networks
      learn and remember is an `ActorPredictor` each, what one does is not divided.

    Raises:
      ValueError: as `make_actor`, or if the torso is unknown.
    """
    torso = config.torso if isinstance(config, ActorCriticConfig) else "separate"
    require_known("torso", torso, get_args(Torso))
    if torso == "separate":
        return side_by_side(
            make_actor(world, config, output_gain=policy_gain),
            make_predictor(world, 1, config, output_gain=value_gain),
        )
    actions = actions_of(world)
    size = actions.num_outputs
    gains = (*(policy_gain,) * size, value_gain)
    network = make_predictor(world, size + 1, config, output_gain=gains)

    def heads(parameters, outputs):
        # Else what follows is computed anew, and slowly, where its gradients are put together.
        logits, values = jax.lax.optimization_barrier((outputs[..., :size], outputs[..., size:]))
        return ActorPredictor(actions.distribution(parameters, logits), values)

    return _reading_out(network, actions, "heads", heads)


def _reading_out(
    network: Predictor,
    actions: Actions,
    name: str,
    read: Callable[[dict[str, Any], Array], Output],
) -> Network[Output]:
    """The network of what is read of its outputs, with the parameters of actions beside its own.

    Its own are found under a name where there are others beside them, else there is no need of one.
    """
    has_others = bool(actions.parameters)

    def init(key):
        own = network.init(key)
        return {name: own, **jax.tree.map(jnp.asarray, actions.parameters)} if has_others else own

    def own(parameters):
        return parameters[name] if has_others else parameters

    def apply(parameters, memory, observation):
        outputs, memory = network.apply(own(parameters), memory, observation)
        return read(parameters, outputs), memory

    def unroll(parameters, memory, observations, ended):
        outputs, memories = network.unroll(own(parameters), memory, observations, ended)
        return read(parameters, outputs), memories

    return Network(init, apply, unroll, network.init_memory)


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
