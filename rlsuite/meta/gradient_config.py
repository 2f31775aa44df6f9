"""The configuration of the truncated meta-gradient, and the values that it stands for.

Numbers and names, as a command line has them. Whoever has values passes them to `meta_gradient`.
"""

from dataclasses import dataclass

import optax

from rlsuite.agents import Trainable
from rlsuite.curricula.curriculum import Curriculum
from rlsuite.lifetime import Life
from rlsuite.meta.gradients import meta_gradient, weighted
from rlsuite.meta.learning_rates import decaying
from rlsuite.method import Method
from rlsuite.ranges import Count, Fraction, NotNegative, Positive
from rlsuite.requirements import errors_of
from rlsuite.scores import Score


@dataclass(frozen=True)
class MetaGradientConfig:
    """Hyperparameters of the truncated meta-gradient.

    Attributes:
      num_agents: agents that learn side by side.
      num_updates: agent updates the meta-gradient reaches back through (K).
      learning_rate: of Adam on the objective's parameters at first.
      learning_rate_decay: factor of the learning rate from one meta-step to the next; 1 keeps it.
      min_learning_rate: the learning rate decays no further; one that starts below stays as it is.
      max_gradient_norm: the meta-gradient is scaled down to this norm; none leaves it. With few
        agents a single one whose policy has saturated can blow the gradient up a thousandfold,
        which Adam's second moment then remembers for as many steps.
      discount: of the meta-objective's advantages.
      gae_lambda: likewise.
      policy_entropy_coefficient: weight of the agents' policy entropy, maximised.
      prediction_entropy_coefficient: weight of the agents' prediction entropy, maximised.
      policy_target_coefficient: weight of the mean squared policy target, minimised.
      prediction_target_coefficient: weight of the prediction target's squared norm, minimised.
      stagger: whether the first agents' lives are cut to different lengths, so that agents of every
        age are there from then on, where lifetimes are all the same.
      num_mini_batches: agents are taken in this many groups, one after the other, to save memory;
        the gradient is the same, and from two on its noise is measured.
      num_episodes: evaluation episodes behind the return of an agent at the end of its life.
    """

    num_agents: Count = 512
    num_updates: Count = 5
    learning_rate: Positive = 1e-4
    learning_rate_decay: Positive = 1.0
    min_learning_rate: Positive = 1e-5
    max_gradient_norm: Positive | None = None
    discount: Fraction = 0.99
    gae_lambda: Fraction = 0.95
    policy_entropy_coefficient: NotNegative = 0.05
    prediction_entropy_coefficient: NotNegative = 0.001
    policy_target_coefficient: NotNegative = 0.005
    prediction_target_coefficient: NotNegative = 0.001
    stagger: bool = True
    num_mini_batches: Count = 1
    num_episodes: Count = 16


def meta_gradient_from_config(
    life: Life, critic: Trainable, curriculum: Curriculum, score: Score, config: MetaGradientConfig
) -> Method:
    """`meta_gradient` with Adam and LPG's regulariser, as the config has them.

    Raises:
      ValueError: as `meta_gradient`.
    """
    rate: optax.ScalarOrSchedule = config.learning_rate
    # A rate that stays needs no count, and states without one can be read.
    if config.learning_rate_decay != 1:
        rate = decaying(rate, config.learning_rate_decay, config.min_learning_rate)
    optimiser = optax.adam(rate)
    if config.max_gradient_norm is not None:
        optimiser = optax.chain(optax.clip_by_global_norm(config.max_gradient_norm), optimiser)
    with errors_of("meta"):
        return meta_gradient(
            life,
            critic,
            curriculum,
            score,
            regulariser=weighted(
                policy_target_norm=config.policy_target_coefficient,
                prediction_target_norm=config.prediction_target_coefficient,
                policy_entropy=-config.policy_entropy_coefficient,
                prediction_entropy=-config.prediction_entropy_coefficient,
            ),
            optimiser=optimiser,
            num_agents=config.num_agents,
            num_updates=config.num_updates,
            discount=config.discount,
            gae_lambda=config.gae_lambda,
            stagger=config.stagger,
            num_mini_batches=config.num_mini_batches,
            num_episodes=config.num_episodes,
        )
