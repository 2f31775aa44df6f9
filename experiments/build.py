"""From a configuration to the method it describes."""

from typing import NamedTuple

from experiments.configs import GrooveRun, LPGRun, validate
from rlsuite.method import Method
from rlsuite.methods.groove import groove
from rlsuite.methods.lpg import lpg


class Experiment(NamedTuple):
    """A method, with what people want to see of it.

    Attributes:
      method: to be run.
      agent_updates_per_step: updates of learning agents in one meta-step, antagonists left out.
      world_steps_per_step: steps of all worlds in one meta-step, antagonists' among them and
        evaluation episodes left out.
      headline: the metrics a progress bar should show.
    """

    method: Method
    agent_updates_per_step: int
    world_steps_per_step: int
    headline: tuple[str, ...]


def build(config: LPGRun) -> Experiment:
    """Builds what a configuration describes; nothing is compiled yet.

    Raises:
      ConfigError: if the configuration is not valid.
    """
    source = validate(config)
    meta = config.meta
    agent_updates = meta.num_agents * meta.num_updates
    steps_per_rollout = meta.num_workers * meta.rollout_length
    # The meta-objective takes one rollout more than there are updates.
    world_steps = (agent_updates + meta.num_agents) * steps_per_rollout
    headline: tuple[str, ...] = ("agent_return", "policy_entropy")
    if not isinstance(config, GrooveRun):
        method = lpg(source.world, source.sample_task, config.parts)
        return Experiment(method, agent_updates, world_steps, headline)
    method = groove(
        source.world, source.sample_task, config.parts, optimal_return=source.optimal_return
    )
    if config.score == "algorithmic_regret":
        world_steps += agent_updates * steps_per_rollout
    return Experiment(method, agent_updates, world_steps, (*headline, "score", "buffer_score"))
