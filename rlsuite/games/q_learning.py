"""Tabular Q-learning on the last round, for thousands of learners side by side."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from rlsuite.games.gradients import Opponents
from rlsuite.method import Method, single_precision
from rlsuite.ranges import Count, Fraction
from rlsuite.requirements import require_counts
from rlsuite.sharding import apart, spread

Values = Float[Array, "context=5 action=2"]
"""Of both actions in the first round, and after each of the joint actions, as `memory_one` has."""


@dataclass(frozen=True)
class QLearningConfig:
    """How values are learned.

    Attributes:
      rate: share of the way that a value goes to what is seen.
      discount: of what follows a round.
      first_exploration: chance of an action at random in the first match …
      last_exploration: … and in the last, on a line between them.
      num_matches: that are learned from.
    """

    rate: Fraction = 0.2
    discount: Fraction = 0.95
    first_exploration: Fraction = 0.1
    last_exploration: Fraction = 0.01
    num_matches: Count = 10_000


class QLearningState(NamedTuple):
    """Learners side by side.

    Attributes:
      key: of all that is drawn.
      match: how many were played.
      instances: what each learns at, with a leading `agent` axis.
      values: of each.
    """

    key: PRNGKeyArray
    match: Int[Array, ""]
    instances: Opponents
    values: Float[Array, "agent context=5 action=2"]


def q_learning(
    sample_instance: Callable[[PRNGKeyArray], Opponents],
    config: QLearningConfig,
    *,
    num_rounds: int,
    num_agents: int,
) -> Method:
    r"""Q-learning (Watkins and Dayan, 1992) of a player that remembers the last round c alone.

    .. math:: Q(c, a) \leftarrow Q(c, a) + \eta [u(a, b) + \gamma \max_{a'} Q(c', a') - Q(c, a)]

    where :math:`c' = (a, b)`, and nothing follows the last round. All values are 0 at first; where
    they are equal, action 0 is played.

    Args:
      sample_instance: `key -> instance`, for each learner.
      config: rates.
      num_rounds: of a match.
      num_agents: learners side by side.

    Returns:
      A method whose state is a `QLearningState`; a step is one match of every learner, against one
      of its instance's machines, each as likely. Its metric is the mean `payoff` of a round.

    Raises:
      ValueError: if `num_rounds` or `num_agents` is below 1.
    """
    require_counts(num_rounds=num_rounds, num_agents=num_agents)
    exploration = optax.linear_schedule(
        config.first_exploration, config.last_exploration, max(config.num_matches - 1, 1)
    )

    def init(key):
        key, instance_key = jax.random.split(key)
        keys = spread(jax.random.split(instance_key, num_agents))
        instances, values = apart(jax.vmap(start))(keys)
        return QLearningState(key, jnp.int32(0), instances, values)

    def start(key):
        return sample_instance(key), jnp.zeros((5, 2))

    def learn(key, instance, values, explored):
        """One match."""
        opponent_key, rounds_key = jax.random.split(key)
        which = jax.random.randint(opponent_key, (), 0, instance.machines.chances.shape[0])
        machine = jax.tree.map(lambda leaf: leaf[which], instance.machines)

        def play(carry, drawn):
            values, context, place = carry
            now, chances = drawn
            best = (values[context, 1] > values[context, 0]).astype(jnp.int32)
            own = jnp.where(chances[0] < explored, (chances[1] < 0.5).astype(jnp.int32), best)
            other = (chances[2] < machine.chances[place]).astype(jnp.int32)
            payoff, after = instance.view.own[own, other], 1 + 2 * own + other
            follows = jnp.where(now == num_rounds - 1, 0.0, config.discount * values[after].max())
            error = payoff + follows - values[context, own]
            values = values.at[context, own].add(config.rate * error)
            return (values, after, machine.successors[place, other, own]), payoff

        drawn = jnp.arange(num_rounds), jax.random.uniform(rounds_key, (num_rounds, 3))
        start = values, jnp.int32(0), jnp.int32(0)
        (values, _, _), payoffs = jax.lax.scan(play, start, drawn)
        return values, payoffs.mean()

    def step(state):
        key, match_key = jax.random.split(state.key)
        keys = spread(jax.random.split(match_key, num_agents))
        axes = (0, 0, 0, None)
        values, payoffs = apart(jax.vmap(learn, axes), axes)(
            keys, state.instances, state.values, exploration(state.match)
        )
        after = QLearningState(key, state.match + 1, state.instances, values)
        return after, {"payoff": payoffs.mean()}

    return single_precision(Method(init, step))


def greedy_plan(values: Values) -> Float[Array, "5"]:
    """The better action in each context, as `memory_one` takes its chances."""
    return (values[..., 1] > values[..., 0]).astype(jnp.float32)
