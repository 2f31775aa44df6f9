r"""Weighted tallying bandits under repeated exposure optimality (arXiv 2305.02955).

*Complete policy regret* is measured against the best sequence of actions there is, not against the
best action in the player's own history. Under repeated exposure optimality some action x* costs, if
it is repeated, no more than anything ever does: :math:`h_{x^*}(W) \le h_a(y)`. Then the best
sequence costs at least :math:`T h_{x^*}(W)`, and at most m more; so that the regret reported here,

.. math:: \sum_{t \le T} \ell_t - T \, h_{x^*}(W),

is above the complete policy regret by at most m. Where alternating is best no action is best
repeated, and regret is counted against the best average of all sequences.

Of the paper, the abstract could be read and not its body; the schedule of epochs is our own, and
constants are unverified.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, get_args

import jax
import jax.numpy as jnp
from annotated_types import Ge
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.bandits.dynamic_programming import best_average
from rlsuite.bandits.players import successive_elimination
from rlsuite.bandits.playing import play
from rlsuite.envs.bandits.tallying import (
    TallyingInstance,
    alternating_losses,
    best_repeated,
    decoy_losses,
    easy_losses,
    exponential_weights,
    flat_weights,
    linear_weights,
    random_losses,
    shuffled_actions,
    tallying_bandit,
    tallying_graph,
)
from rlsuite.method import Method, single_precision
from rlsuite.ranges import COUNTABLE, Count
from rlsuite.requirements import named, require, require_known

InstancesName = Literal["decoy", "easy", "random", "alternating"]
WeightsName = Literal["flat", "exponential", "linear"]
_WEIGHTS: dict[str, Callable[[int], Float[Array, " memory"]]] = {
    "flat": flat_weights,
    "exponential": exponential_weights,
    "linear": linear_weights,
}
_LOSSES: dict[str, Callable[[], Float[Array, "action knot"]]] = {
    "decoy": decoy_losses,
    "easy": easy_losses,
    "alternating": alternating_losses,
}


@dataclass(frozen=True)
class WeightedTallyingBanditsConfig:
    """What is learned, by whom, and for how long.

    Attributes:
      instances: bandits to be learned: one with a decoy, an easy one, random ones, or one where
        alternating is best so that repeated exposure isn't.
      weights: of the present play and those before it, in a tally.
      memory: how many plays a tally looks at, m; 2 where alternating is best.
      num_actions: of random bandits.
      burn_in: rounds of a run that count for nothing, M, which should be no fewer than the memory.
      horizon: rounds that the learner takes the game to have, T.
      num_agents: learners side by side, each at a bandit of its own.
      rounds_per_step: of each learner.
    """

    instances: InstancesName = "decoy"
    weights: WeightsName = "flat"
    memory: Count = 10
    num_actions: Count = 5
    burn_in: Annotated[int, Ge(0), COUNTABLE] = 10
    horizon: Count = 20_000
    num_agents: Count = 256
    rounds_per_step: Count = 200

    def sample(self, key: PRNGKeyArray) -> TallyingInstance:
        """Draws a bandit, with its actions in any order.

        Raises:
          ValueError: if a name is unknown, or the memory is not 2 where alternating is best.
        """
        require_known("instances", self.instances, get_args(InstancesName))
        make_weights = named("weights", self.weights, _WEIGHTS)
        fits = self.memory == 2 or self.instances != "alternating"
        require(fits, "memory", self.memory, "2 where alternating is best")
        if self.instances == "random":
            losses = random_losses(key, self.num_actions, self.memory)
        else:
            losses = shuffled_actions(key, _LOSSES[self.instances]())
        return TallyingInstance(losses, make_weights(self.memory))

    @property
    def actions(self) -> int:
        """How many a bandit has."""
        return jax.eval_shape(self.sample, jax.random.key(0)).losses.shape[0]

    def benchmark(self, instance: TallyingInstance) -> Float[Array, ""]:
        """The payoff per round that regret is counted against.

        Where alternating is best, the best average of all sequences; else what x* pays repeated.
        """
        if self.instances == "alternating":
            return best_average(tallying_graph(instance)).low
        return best_repeated_payoff(instance)


def best_repeated_payoff(instance: TallyingInstance) -> Float[Array, ""]:
    """What x* pays a round if it is repeated, 1 − h(W)."""
    return 1 - instance.losses[:, -1].min()


def weighted_tallying_bandits(config: WeightedTallyingBanditsConfig) -> Method:
    """Successive elimination with burn-in at weighted tallying bandits (arXiv 2305.02955).

    After M ≥ m rounds of a run an action's tally is full, so that the other rounds of the run are
    independent draws of what it costs if it is repeated.

    Returns:
      A method whose state is a `PlayState`; a step is `rounds_per_step` rounds of every learner.
      Its metrics include `regret`, an upper bound of the complete policy regret (which it is itself
      where alternating is best), `active_actions`, and shares of learners: `best_is_played` at the
      end of the step, and `best_is_active`.

    Raises:
      ValueError: as `config.sample`.
    """
    player = successive_elimination(config.actions, config.horizon, config.burn_in)
    method = play(
        tallying_bandit(config.actions, config.memory),
        player,
        config.sample,
        num_agents=config.num_agents,
        rounds_per_step=config.rounds_per_step,
        benchmark=config.benchmark,
    )

    def step(state):
        state, metrics = method.step(state)
        best = jax.vmap(best_repeated)(state.games.instance.losses)
        learner = state.games.player
        is_active = jnp.take_along_axis(learner.is_active, best[:, None], axis=1)
        metrics["best_is_played"] = jnp.mean((learner.action == best).astype(jnp.float32))
        metrics["best_is_active"] = jnp.mean(is_active.astype(jnp.float32))
        return state, metrics

    return single_precision(Method(method.init, step))
