"""Policy gradient on plans that remember the last round, exact and for thousands side by side."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.envs.games.game import View
from rlsuite.envs.games.machines import Machine, Script, memory_one
from rlsuite.games.exact import expected_totals
from rlsuite.method import Method, single_precision
from rlsuite.requirements import require_counts
from rlsuite.sharding import apart, spread

Instance = Any
Logits = Float[Array, "seat 5"]
"""Of memory-one plans, for action 1: in the first round, and after each joint action."""


class GradientState(NamedTuple):
    """Learners side by side, every leaf with a leading `agent` axis.

    Attributes:
      instances: what each learns at.
      logits: of its plans.
      optimiser: its state.
    """

    instances: Instance
    logits: Float[Array, "agent seat 5"]
    optimiser: optax.OptState


def policy_gradient(
    value: Callable[[Instance, Logits], Float[Array, ""]],
    sample_instance: Callable[[PRNGKeyArray], Instance],
    optimiser: optax.GradientTransformation,
    *,
    num_agents: int,
    num_seats: int = 1,
    spread_of_logits: float = 1.0,
) -> Method:
    """Ascends what plans are worth in expectation: REINFORCE without its noise.

    Args:
      value: `(instance, logits) -> what is ascended`, such as `worth_against` or
        `worth_against_each_other`.
      sample_instance: `key -> instance`, for each learner.
      optimiser: whose steps are taken.
      num_agents: learners, or pairs of them, side by side.
      num_seats: plans that each has.
      spread_of_logits: standard deviation of the first ones.

    Returns:
      A method whose state is a `GradientState`; a step is one of every learner. Its metric is the
      mean `value`.

    Raises:
      ValueError: if `num_agents` is below 1.
    """
    require_counts(num_agents=num_agents)

    def start(key):
        instance_key, logits_key = jax.random.split(key)
        logits = spread_of_logits * jax.random.normal(logits_key, (num_seats, 5))
        return GradientState(sample_instance(instance_key), logits, optimiser.init(logits))

    def climb(state):
        worth, slope = jax.value_and_grad(value, argnums=1)(state.instances, state.logits)
        # An optimiser descends.
        change, after = optimiser.update(-slope, state.optimiser, state.logits)
        logits = optax.apply_updates(state.logits, change)
        return GradientState(state.instances, logits, after), worth

    def init(key):
        return apart(jax.vmap(start))(spread(jax.random.split(key, num_agents)))

    def step(state):
        state, worth = apart(jax.vmap(climb))(state)
        return state, {"value": worth.mean()}

    return single_precision(Method(init, step))


class Opponents(NamedTuple):
    """A game from one seat, and the machines that may be met there, on a leading axis."""

    view: View
    machines: Machine


def worth_against(num_rounds: int) -> Callable[[Opponents, Logits], Float[Array, ""]]:
    """The mean payoff of a round against all of an `Opponents`' machines, each as likely."""

    def value(instance, logits):
        plan = memory_one(jax.nn.sigmoid(logits[0]))

        def total(machine):
            return expected_totals(instance.view.payoffs, plan, machine, num_rounds)[0]

        return jax.vmap(total)(instance.machines).mean() / num_rounds

    return value


def worth_against_each_other(
    num_rounds: int,
) -> Callable[[Float[Array, "2 2 2"], Logits], Float[Array, ""]]:
    """What makes two learners of one game ascend each its own payoff, the other's plan as it is.

    These are the naive learners of Foerster et al. (arXiv 1709.04326): neither reckons with the
    other's learning. The value is the sum of both mean payoffs of a round; its gradient is not that
    of the sum, but of each player's own payoff by its own plan.
    """

    def value(payoffs, logits):
        first, second = jax.nn.sigmoid(logits)
        fixed = jax.lax.stop_gradient
        ours = expected_totals(payoffs, memory_one(first), memory_one(fixed(second)), num_rounds)
        theirs = expected_totals(payoffs, memory_one(fixed(first)), memory_one(second), num_rounds)
        return (ours[0] + theirs[1]) / num_rounds

    return value


def specialist(views: View, chances: Float[Array, "view 5"]) -> Script:
    """Plays each of some games by a memory-one plan of its own.

    Args:
      views: games from seats, on a leading axis.
      chances: of action 1 in each, as `memory_one` takes them; a game that is not among the views
        is played by the first of them.
    """

    def machine(view):
        is_it = (views.payoffs == view.payoffs).all(axis=(1, 2, 3)) & (views.seat == view.seat)
        return memory_one(chances[jnp.argmax(is_it)])

    return Script(machine, is_random=True)
