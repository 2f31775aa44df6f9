"""From a configuration to the method it describes."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
from jax.sharding import Mesh

from rlsuite.curricula.curriculum import log_uniform_lifetimes
from rlsuite.experiments.compiling import jit, jit_large
from rlsuite.experiments.configs import (
    ACTTestRun,
    ACTTrainRun,
    EvolutionRun,
    GrooveRun,
    LPGEvolutionRun,
    LPGRun,
    LPORun,
    RunConfig,
)
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.tasks import TaskSource
from rlsuite.experiments.validation import validate
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.method import Method
from rlsuite.methods.cheap_talk import act_train
from rlsuite.methods.cheap_talk_test_time import act_test
from rlsuite.methods.groove import groove
from rlsuite.methods.lpg import meta_gradient_lpg
from rlsuite.methods.lpo import lpo
from rlsuite.methods.ta_lpg import evolved_lpg


class Experiment(NamedTuple):
    """A method, with what people want to see of it.

    Attributes:
      method: to be run.
      agent_updates_per_step: updates of learning agents in one meta-step, antagonists left out.
      world_steps_per_step: steps of all worlds in one meta-step, antagonists' among them and
        evaluation episodes left out.
      headline: the metrics a progress bar should show.
      jit: how its steps are best compiled.
    """

    method: Method
    agent_updates_per_step: int
    world_steps_per_step: int
    headline: tuple[str, ...]
    jit: Callable[..., jax.stages.Wrapped] = jit


def build(config: RunConfig) -> Experiment:
    """Builds what a configuration describes; nothing is compiled yet.

    Raises:
      ConfigError: if the configuration is not valid.
    """
    source = validate(config)
    try:
        if isinstance(config, EvolutionRun):
            return _evolution(config, source)
        assert isinstance(config, LPGRun)
        return _meta_gradient(config, source)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def _meta_gradient(config: LPGRun, source: TaskSource) -> Experiment:
    meta = config.meta
    agent_updates = meta.num_agents * meta.num_updates
    steps_per_rollout = config.life.num_workers * config.life.rollout_length
    # The meta-objective takes one rollout more than there are updates.
    world_steps = (agent_updates + meta.num_agents) * steps_per_rollout
    headline: tuple[str, ...] = ("agent_return", "policy_entropy")
    if not isinstance(config, GrooveRun):
        method = meta_gradient_lpg(source.world, source.sample_task, config.parts)
        return Experiment(method, agent_updates, world_steps, headline, jit_large)
    method = groove(
        source.world, source.sample_task, config.parts, optimal_return=source.optimal_return
    )
    if config.score == "algorithmic_regret":
        world_steps += agent_updates * steps_per_rollout
    headline = (*headline, "score", "buffer_score")
    return Experiment(method, agent_updates, world_steps, headline, jit_large)


def _evolution(config: EvolutionRun, source: TaskSource) -> Experiment:
    meta = config.meta
    shortest, longest = config.lifetimes(source)
    sample_task = source.sample_task
    if (shortest, longest) != source.lifetime_range:
        sample_task = log_uniform_lifetimes(sample_task, shortest, longest)
    compose = _EVOLVED[type(config)]
    method = compose(source.world, sample_task, config.parts, mesh=_mesh(meta))
    # The mean of a log-uniform number.
    lifetime = (
        (longest - shortest) / math.log(longest / shortest) if longest > shortest else longest
    )
    if isinstance(config, ACTTestRun) and config.messenger == "oracle":
        lifetime += config.oracle_lifetime
    agent_updates = round(meta.population_size * meta.tasks_per_candidate * lifetime)
    world_steps = agent_updates * config.life.num_workers * config.life.rollout_length
    return Experiment(method, agent_updates, world_steps, ("fitness", "fitness_max", "tied_pairs"))


_EVOLVED: dict[type[EvolutionRun], Callable[..., Method]] = {
    LPGEvolutionRun: evolved_lpg,
    LPORun: lpo,
    ACTTrainRun: act_train,
    ACTTestRun: act_test,
}


def _mesh(meta: EvolutionConfig) -> Mesh | None:
    """All devices, if there are several and they can share each mini-batch equally."""
    trials = meta.population_size // 2 * meta.tasks_per_candidate // meta.num_mini_batches
    num_devices = math.gcd(jax.device_count(), trials)
    if num_devices < 2:
        return None
    return jax.make_mesh((num_devices,), ("population",), devices=jax.devices()[:num_devices])
