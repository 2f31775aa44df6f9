"""Typed configurations of runs."""

import math
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from rlsuite.agents import AgentConfig
from rlsuite.curricula.buffer import BufferConfig
from rlsuite.drifts import LearnedDriftConfig
from rlsuite.experiments.tasks import TaskSource
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution import EvolutionConfig
from rlsuite.meta.gradients import MetaGradientConfig
from rlsuite.methods.cheap_talk import ChannelConfig, GoalName, TrainTimeConfig
from rlsuite.methods.cheap_talk_test_time import MessengerName, TestTimeConfig
from rlsuite.methods.groove import GrooveConfig, ScoreName
from rlsuite.methods.lpg import MetaGradientLPGConfig
from rlsuite.methods.lpo import LPOConfig
from rlsuite.methods.ta_lpg import EvolvedLPGConfig
from rlsuite.networks import NetworkConfig
from rlsuite.objectives.actor_critic import A2CConfig
from rlsuite.objectives.learned_policy_gradient import LPGConfig
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig


@dataclass(frozen=True)
class EvaluationConfig:
    """How what was learned is tested.

    Attributes:
      num_seeds: fresh agents trained on each level.
      num_episodes: evaluation episodes behind each return.
      num_agents: agents trained side by side.
    """

    num_seeds: int = 4
    num_episodes: int = 64
    num_agents: int = 64


@dataclass(frozen=True)
class ObjectiveEvaluationConfig(EvaluationConfig):
    """How a learned objective is meta-tested.

    Attributes:
      max_lifetime: cuts lifetimes, in agent updates, but for those of `horizons`; none leaves them.
      horizons: what was trained on is also lived on for exactly so many updates each; none leaves
        that out.
    """

    max_lifetime: int | None = None
    horizons: tuple[int, ...] | None = None


@dataclass(frozen=True)
class LevelEvaluationConfig(ObjectiveEvaluationConfig):
    """How an objective is meta-tested on levels of the grid world, beside A2C.

    Attributes:
      num_levels: levels drawn from the training distribution, none of them seen in training.
      num_draws: draws of each named level and maze (its start, objects and rewards).
      num_workers: parallel worlds of each agent.
      rollout_length: steps in each world between updates.
      a2c_rates: A2C is tuned over its learning rates times each of these …
      a2c_entropies: … and each of these entropy coefficients, on training levels.
    """

    num_levels: int = 64
    num_draws: int = 8
    num_workers: int = 64
    rollout_length: int = 20
    a2c_rates: tuple[float, ...] = (0.25, 1.0, 4.0)
    a2c_entropies: tuple[float, ...] = (0.0, 0.01, 0.05)


@dataclass(frozen=True)
class DriftEvaluationConfig(ObjectiveEvaluationConfig):
    """How a drift is meta-tested on the world it was trained on and on others, beside PPO and DPO.

    Attributes:
      worlds: gymnax worlds, each learned with the settings with which PPO is good at it.
    """

    worlds: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunConfig:
    """What every run has, whatever its method.

    Attributes:
      seed: from which all randomness of the run follows.
      steps: meta-steps.
      tasks: a level distribution or a gymnax world, as `rlsuite list` shows them.
      log_every: meta-steps per compiled chunk, after which a line is logged.
      checkpoint_every: meta-steps between checkpoints.
      evaluation: how the result is meta-tested.
    """

    seed: int = 0
    steps: int = 5000
    tasks: str = "all_shortlife"
    log_every: int = 10
    checkpoint_every: int = 250
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)


@dataclass(frozen=True)
class LPGRun(RunConfig):
    """A run of LPG."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: MetaGradientConfig = field(default_factory=MetaGradientConfig)
    evaluation: LevelEvaluationConfig = field(default_factory=LevelEvaluationConfig)

    @property
    def parts(self) -> MetaGradientLPGConfig:
        """What the method itself takes."""
        return MetaGradientLPGConfig(self.objective, self.agent, self.life, self.meta)


@dataclass(frozen=True)
class GrooveRun(LPGRun):
    """A run of GROOVE."""

    antagonist: A2CConfig = field(default_factory=A2CConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    score: ScoreName = "algorithmic_regret"

    @property
    def parts(self) -> GrooveConfig:
        """What the method itself takes."""
        return GrooveConfig(
            self.objective,
            self.agent,
            self.life,
            self.meta,
            self.antagonist,
            self.buffer,
            self.score,
        )


@dataclass(frozen=True)
class EvolutionRun(RunConfig):
    """What runs of evolution share; a meta-step is a generation.

    Attributes:
      min_lifetime: lifetimes are drawn log-uniformly from this …
      max_lifetime: … to this number of agent updates; none takes the tasks' own.
    """

    min_lifetime: int | None = None
    max_lifetime: int | None = None
    life: LifeConfig = field(default_factory=LifeConfig)
    meta: EvolutionConfig = field(default_factory=EvolutionConfig)

    @property
    def parts(self) -> Any:
        """What the method itself takes."""
        raise NotImplementedError

    def lifetimes(self, source: TaskSource) -> tuple[int, int]:
        """The shortest and the longest lifetime, in agent updates."""
        shortest, longest = source.lifetime_range
        return (
            shortest if self.min_lifetime is None else self.min_lifetime,
            longest if self.max_lifetime is None else self.max_lifetime,
        )


@dataclass(frozen=True)
class LPGEvolutionRun(EvolutionRun):
    """A run of LPG or TA-LPG by evolution."""

    objective: LPGConfig = field(default_factory=LPGConfig)
    agent: AgentConfig = field(default_factory=AgentConfig)
    evaluation: LevelEvaluationConfig = field(default_factory=LevelEvaluationConfig)

    @property
    def parts(self) -> EvolvedLPGConfig:
        """What the method itself takes."""
        return EvolvedLPGConfig(self.objective, self.agent, self.life, self.meta)


@dataclass(frozen=True)
class LPORun(EvolutionRun):
    """A run of LPO or TA-LPO."""

    drift: LearnedDriftConfig = field(default_factory=LearnedDriftConfig)
    networks: NetworkConfig = field(default_factory=NetworkConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)
    evaluation: DriftEvaluationConfig = field(default_factory=DriftEvaluationConfig)

    @property
    def parts(self) -> LPOConfig:
        """What the method itself takes."""
        return LPOConfig(self.drift, self.networks, self.ppo, self.life, self.meta)


@dataclass(frozen=True)
class ACTRun(EvolutionRun):
    """What runs of adversarial cheap talk share; agents of the evaluation are fresh victims."""

    networks: NetworkConfig = field(default_factory=NetworkConfig)
    ppo: PPOConfig = field(default_factory=PPOConfig)


@dataclass(frozen=True)
class ACTTrainRun(ACTRun):
    """A run of the train-time attack."""

    goal: GoalName = "adversary"
    channel: ChannelConfig = field(default_factory=ChannelConfig)

    @property
    def parts(self) -> TrainTimeConfig:
        """What the method itself takes."""
        return TrainTimeConfig(
            self.channel, self.networks, self.ppo, self.goal, self.life, self.meta
        )


@dataclass(frozen=True)
class ACTTestRun(ACTRun):
    """A run of the test-time attack."""

    channel: ChannelConfig = field(default_factory=lambda: ChannelConfig(scale=math.pi))
    messenger: MessengerName = "zero_shot"
    messenger_networks: NetworkConfig = field(default_factory=NetworkConfig)
    oracle_networks: NetworkConfig = field(default_factory=NetworkConfig)
    oracle_ppo: PPOConfig = field(default_factory=PPOConfig)
    oracle_lifetime: int = 64

    @property
    def parts(self) -> TestTimeConfig:
        """What the method itself takes."""
        return TestTimeConfig(
            self.channel,
            self.networks,
            self.ppo,
            self.messenger,
            self.messenger_networks,
            self.oracle_networks,
            self.oracle_ppo,
            self.oracle_lifetime,
            self.life,
            self.meta,
        )


class MethodEntry(NamedTuple):
    """What a method is, in one line, and the type that configures its runs."""

    summary: str
    config_type: type[RunConfig]


METHODS: dict[str, MethodEntry] = {
    "lpg": MethodEntry("learned policy gradient, by meta-gradients on random tasks", LPGRun),
    "groove": MethodEntry("LPG on the tasks it regrets most, by meta-gradients", GrooveRun),
    "lpg-es": MethodEntry("LPG evolved over whole lifetimes", LPGEvolutionRun),
    "ta-lpg": MethodEntry("LPG that knows time, evolved over whole lifetimes", LPGEvolutionRun),
    "lpo": MethodEntry("what keeps PPO proximal, evolved over whole trainings", LPORun),
    "ta-lpo": MethodEntry("LPO that knows how far training has come", LPORun),
    "act-train": MethodEntry("cheap talk that hurts or helps those who learn", ACTTrainRun),
    "act-test": MethodEntry("cheap talk by which trained agents can be steered", ACTTestRun),
}
