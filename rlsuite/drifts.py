r"""Drift functions: what holds a policy to the one that collected its experience.

Mirror learning (Kuba et al., arXiv 2201.02373) improves a policy by ascending
:math:`E[r A - f(r, A)]`, where :math:`r` is the ratio of the new to the old probability of an
action and :math:`A` its advantage, for any drift :math:`f` with

.. math::
    f(r, A) \ge 0, \qquad f(1, A) = 0, \qquad \partial f / \partial r \, (1, A) = 0

"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.objectives.objective import Clock, Parameters, TimeConfig, known_time
from rlsuite.ranges import Count, Positive
from rlsuite.requirements import require, require_known


class Drift(NamedTuple):
    """A drift function, written by hand or learned.

    Attributes:
      init_parameters: `key -> parameters`, `()` where there is nothing to learn.
      apply: `(parameters, log_ratio, advantage, clock) -> f`, element by element.
    """

    init_parameters: Callable[[PRNGKeyArray], Parameters]
    apply: Callable[
        [Parameters, Float[Array, "*batch"], Float[Array, "*batch"], Clock],
        Float[Array, "*batch"],
    ]


def ppo_clip(epsilon: float = 0.2) -> Drift:
    r"""The drift of PPO's clipped objective (Schulman et al., arXiv 1707.06347).

    .. math::
        f = \mathrm{ReLU}((r - \mathrm{clip}(r, 1 - \epsilon, 1 + \epsilon)) A)

    by which :math:`r A - f = \min(r A, \mathrm{clip}(r, 1 - \epsilon, 1 + \epsilon) A)`.

    Args:
      epsilon: how far the ratio may go, above 0.

    Raises:
      ValueError: if `epsilon` is not above 0.
    """
    require(epsilon > 0, "drift.epsilon", epsilon, "above 0")

    def drift(log_ratio, advantage):
        ratio = jnp.exp(log_ratio)
        return nn.relu((ratio - jnp.clip(ratio, 1 - epsilon, 1 + epsilon)) * advantage)

    return _by_hand(drift)


def discovered(alpha: float = 2.0, beta: float = 0.6) -> Drift:
    r"""The drift of discovered policy optimisation, DPO (Lu et al., arXiv 2210.05639).

    .. math::
        f = \begin{cases}
            \mathrm{ReLU}((r - 1) A - \alpha \tanh((r - 1) A / \alpha)) & A \ge 0 \\
            \mathrm{ReLU}(A \log r - \beta \tanh(A \log r / \beta)) & A < 0
        \end{cases}

    Args:
      alpha: how far better actions may go, above 0.
      beta: likewise for worse ones.

    Raises:
      ValueError: if either is not above 0.
    """
    require(alpha > 0, "drift.alpha", alpha, "above 0")
    require(beta > 0, "drift.beta", beta, "above 0")

    def drift(log_ratio, advantage):
        is_better = advantage >= 0
        size = jnp.where(is_better, jnp.expm1(log_ratio), log_ratio) * advantage
        bound = jnp.where(is_better, alpha, beta)
        return nn.relu(size - bound * jnp.tanh(size / bound))

    return _by_hand(drift)


ClipPlace = Literal["inside", "outside"]
"""Where PPO's drift is added to a learned one, as seen from its ReLU."""


@dataclass(frozen=True)
class LearnedDriftConfig(TimeConfig):
    """The shape of a learned drift, and what it is told of time; with anything LPO is TA-LPO.

    Attributes:
      hidden_width: units of its hidden layer.
      margin: what the network must exceed to have an effect.
      clip_epsilon: adds PPO's drift with this range, which is then what learning starts from; none
        leaves it out.
      clip: where it is added: `inside` the ReLU, so that what is learned can also take from PPO's
        drift, or `outside`, so that it can only hold the policy back further.
    """

    hidden_width: Count = 128
    margin: Positive = 1e-4
    clip_epsilon: Positive | None = None
    clip: ClipPlace = "inside"


def learned(config: LearnedDriftConfig) -> Drift:
    r"""The drift of learned policy optimisation, LPO (Lu et al., arXiv 2210.05639), and of TA-LPO.

    .. math::
        f = \mathrm{ReLU}(g_\eta(x) - \text{margin}), \qquad
        x = [u, u^2, v, v^2, A u, A u^2, A v, A v^2], \quad u = \log r, \; v = 1 - r

    where the network :math:`g_\eta` has one hidden layer, tanh and no biases: at :math:`r = 1` it
    is zero, and the margin makes the drift and its slope zero around that. A drift that knows time
    (arXiv 2402.05828) also reads :math:`x \, n / N` and perhaps :math:`x \log N`, or x times what
    else `known_time` makes of them. As time only multiplies what vanishes at :math:`r = 1`, the
    conditions of a drift hold at all times.

    With a `clip_epsilon` PPO's drift :math:`f_\text{PPO}` (`ppo_clip`) is added, in one of two
    ways:

    .. math::
        f_\text{inside} = \mathrm{ReLU}(g_\eta(x) + f_\text{PPO} - \text{margin}), \qquad
        f_\text{outside} = \mathrm{ReLU}(g_\eta(x) - \text{margin}) + f_\text{PPO}

    Both are drifts, as :math:`f_\text{PPO}` is zero around :math:`r = 1`. Inside, where the
    corrected public code has it, a negative :math:`g_\eta` lets the policy go further than PPO
    does. Outside it never goes further. The last layer starts at zero, so before any learning the
    drift is none at all or, outside, exactly PPO's. Inside it is then
    :math:`\mathrm{ReLU}(f_\text{PPO} - \text{margin})`: PPO's but for the margin, with the same
    slope wherever it is above zero.

    Raises:
      ValueError: if a width, margin or epsilon is not above 0, or the way of adding is unknown.
    """
    require(config.hidden_width > 0, "drift.hidden_width", config.hidden_width, "above 0")
    require(config.margin > 0, "drift.margin", config.margin, "above 0")
    require_known("drift.clip", config.clip, get_args(ClipPlace))
    base = None if config.clip_epsilon is None else ppo_clip(config.clip_epsilon)
    network = _DriftNetwork(config.hidden_width)
    potential: Callable[..., Any] = network.apply

    def init_parameters(key):
        clock = Clock(jnp.zeros(()), jnp.ones(()))
        return network.init(key, _features(jnp.zeros(()), jnp.zeros(()), clock, config))

    def apply(parameters, log_ratio, advantage, clock):
        features = _features(log_ratio, advantage, clock, config)
        excess = potential(parameters, features) - config.margin
        if base is None:
            return nn.relu(excess)
        clipped = base.apply((), log_ratio, advantage, clock)
        inside = config.clip == "inside"
        return nn.relu(excess + clipped) if inside else nn.relu(excess) + clipped

    return Drift(init_parameters, apply)


class _DriftNetwork(nn.Module):
    hidden_width: int

    @nn.compact
    def __call__(self, features: Float[Array, "*batch feature"]) -> Float[Array, "*batch"]:
        hidden = jnp.tanh(nn.Dense(self.hidden_width, use_bias=False)(features))
        return nn.Dense(1, use_bias=False, kernel_init=nn.initializers.zeros)(hidden)[..., 0]


def _features(
    log_ratio: Float[Array, "*batch"],
    advantage: Float[Array, "*batch"],
    clock: Clock,
    config: TimeConfig,
) -> Float[Array, "*batch feature"]:
    log_ratio, advantage = jnp.broadcast_arrays(log_ratio, advantage)
    difference = -jnp.expm1(log_ratio)
    powers = jnp.stack(
        [log_ratio, jnp.square(log_ratio), difference, jnp.square(difference)], axis=-1
    )
    features = jnp.concatenate([powers, advantage[..., None] * powers], axis=-1)
    multiples = [features, *(known * features for known in known_time(clock, config))]
    return jnp.concatenate(multiples, axis=-1)


def _by_hand(function: Callable[[Array, Array], Array]) -> Drift:
    def apply(parameters, log_ratio, advantage, clock):
        del parameters, clock
        return function(log_ratio, advantage)

    return Drift(lambda key: (), apply)
