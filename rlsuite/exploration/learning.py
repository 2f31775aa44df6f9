"""A bonus around whatever an agent learns by."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from rlsuite.exploration.bonuses import Bonus, BonusState
from rlsuite.objectives.normalisation import Statistics, divide_by_deviation, merge, no_statistics
from rlsuite.objectives.objective import Learner, Objective


class BonusLearner(NamedTuple):
    """An agent's own learner, what the bonus knows, and the statistics of all that it paid."""

    agent: Learner
    bonus: BonusState
    paid: Statistics


# No place that `split` counts to: it folds these in, and the objective may split the key as well.
_OF_THE_BONUS = 2**31


def with_bonus(
    objective: Objective,
    bonus: Bonus,
    *,
    weight: float | Float[Array, ""],
    num_workers: int,
    reward_clip: float | None = None,
) -> Objective:
    r"""The same objective on rewards with a bonus (arXiv 2306.03236, section 2).

    .. math::
        \bar r = r + \alpha \, b / \hat\sigma_b

    where :math:`\hat\sigma_b` is the standard deviation of all bonuses so far, those of the present
    rollout among them. The agent alone sees :math:`\bar r`: rollouts keep the world's rewards, so
    that returns are what they are without a bonus. With a weight of zero an agent is, bit for bit,
    what it is without, as long as both are compiled in the same parts; a compiler may contract a
    product and a sum in one program and not in another.

    Args:
      objective: by which the agent learns.
      bonus: what is paid beside the rewards.
      weight: :math:`\alpha`.
      num_workers: parallel worlds of each agent.
      reward_clip: :math:`\bar r` is kept in plus or minus this, as public code does with 1; none
        leaves it.

    Returns:
      An objective whose learner is a `BonusLearner`. It also reports `bonus`, the mean before it is
      scaled, `bonus_deviation`, by which it is, and the bonus' own metrics.
    """

    def init(key):
        paid = no_statistics()
        bonus_key = jax.random.fold_in(key, _OF_THE_BONUS)
        return BonusLearner(objective.init(key), bonus.init(bonus_key, num_workers), paid)

    def pay(key, learner, experience):
        """What the bonus and its statistics become, the experience with it, and metrics."""
        steps = experience.transitions
        state, paid = bonus.measure(learner.bonus, steps)
        statistics = merge(learner.paid, paid)
        reward = steps.reward + weight * divide_by_deviation(statistics, paid)
        if reward_clip is not None:
            reward = jnp.clip(reward, -reward_clip, reward_clip)
        state = bonus.learn(jax.random.fold_in(key, _OF_THE_BONUS), state, steps)
        experience = experience._replace(transitions=steps._replace(reward=reward))
        metrics = {
            "bonus": paid.mean(),
            "bonus_deviation": jnp.sqrt(statistics.variance),
            **bonus.metrics(state),
        }
        return (state, statistics), experience, metrics

    def update(key, parameters, learner, experience, clock):
        after, experience, metrics = pay(key, learner, experience)
        agent, own = objective.update(key, parameters, learner.agent, experience, clock)
        return BonusLearner(agent, *after), own | metrics

    def update_together(keys, parameters, learners, experience, clocks):
        after, experience, metrics = jax.vmap(pay)(keys, learners, experience)
        agents, own = objective.update_agents(keys, parameters, learners.agent, experience, clocks)
        return BonusLearner(agents, *after), own | metrics

    def of_agent(function: Any) -> Any:
        return lambda learner, *rest: function(learner.agent, *rest)

    return objective._replace(
        init=init,
        policy=of_agent(objective.policy),
        update=update,
        update_together=objective.update_together and update_together,
        predict=objective.predict and of_agent(objective.predict),
        values=objective.values and of_agent(objective.values),
        judge=objective.judge and of_agent(objective.judge),
    )
