"""PPO with exploration bonuses: global, episodic, and both at once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask, random_tasks
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cells import Cells, CellWorld, find_cells, rounded_observations
from rlsuite.exploration.bonuses import (
    Bonus,
    episodic_counts,
    global_counts,
    product,
    weighted_sum,
)
from rlsuite.exploration.distillation import (
    novelty_bonus,
    novelty_difference,
    random_network_distillation,
)
from rlsuite.exploration.elliptical import elliptical, inverse_dynamics
from rlsuite.exploration.fitting import FittingConfig
from rlsuite.exploration.learning import with_bonus
from rlsuite.lifetime import Life
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.methods.ppo import PPOAgentsConfig
from rlsuite.networks import NetworkConfig
from rlsuite.ranges import Count, Fraction, NotNegative, Positive

BonusKind = Literal[
    "global",
    "episodic",
    "global_times_episodic",
    "elliptical",
    "distillation",
    "novelty_difference",
    "elliptical_times_distillation",
    "elliptical_times_novelty_difference",
    "elliptical_plus_distillation",
]
"""Bonuses by name; those of counts are the first three."""


@dataclass(frozen=True)
class BonusConfig:
    """What is paid for what is new.

    Attributes:
      kind: counts over training, within the episode, or their product; E3B (`elliptical`), random
        network distillation, NovelD (`novelty_difference`), and E3B with either.
      weight: of the bonus, once it is divided by its standard deviation.
      reward_clip: reward and bonus together are kept in plus or minus this; none leaves them.
      cells: what is counted, by the name that the world has for it; none takes its first.
      num_cells: into which observations are hashed in worlds without such names.
      resolution: to which they are rounded there.
      ridge: of E3B's matrix.
      scale: of the novelty before a step, where it is taken from that after it.
      sum_weight: of distillation, where it is added to E3B.
      fitting: how the networks of a bonus learn.
    """

    kind: BonusKind = "global_times_episodic"
    weight: NotNegative = 0.1
    reward_clip: Positive | None = None
    cells: str | None = None
    num_cells: Count = 4096
    resolution: Positive = 0.25
    ridge: Positive = 0.1
    scale: Fraction = 0.1
    sum_weight: NotNegative = 1.0
    fitting: FittingConfig = field(default_factory=FittingConfig)


@dataclass(frozen=True)
class BonusAgentsConfig(PPOAgentsConfig):
    """What agents are made of that learn by PPO on rewards with a bonus.

    Attributes:
      bonus: what is paid beside the rewards.
    """

    bonus: BonusConfig = field(default_factory=BonusConfig)

    def life_in(self, world: Environment) -> Life:
        """How such agents live in a world.

        Raises:
          ValueError: if the world has no cells of the name that is asked for.
        """
        cells = cells_of(world, self.bonus)
        bonus = named_bonus(world, cells, self.networks, self.bonus)
        life = self.life_by(CellWorld(world, cells), ppo_clip(self.clip_epsilon))
        objective = with_bonus(
            life.objective,
            bonus,
            weight=self.bonus.weight,
            num_workers=self.life.num_workers,
            reward_clip=self.bonus.reward_clip,
        )
        return life._replace(objective=objective)


def cells_of(world: Environment, config: BonusConfig) -> Cells:
    """What is counted in a world."""
    hashed = rounded_observations(config.num_cells, config.resolution)
    return find_cells(world, config.cells, hashed)


class _Parts(NamedTuple):
    """What bonuses are put together from."""

    world: Environment
    cells: Cells
    networks: NetworkConfig
    config: BonusConfig

    def counted(self) -> Bonus:
        return global_counts(self.cells.number)

    def episodic(self) -> Bonus:
        return episodic_counts(self.cells.number)

    def elliptical(self) -> Bonus:
        features = inverse_dynamics(self.world, self.networks, self.config.fitting)
        return elliptical(features, self.config.ridge)

    def distillation(self) -> Bonus:
        config = self.config.fitting
        return novelty_bonus(random_network_distillation(self.world, self.networks, config))

    def difference(self) -> Bonus:
        novelty = random_network_distillation(self.world, self.networks, self.config.fitting)
        return novelty_difference(novelty, self.config.scale)


_BONUSES: dict[BonusKind, Callable[[_Parts], Bonus]] = {
    "global": _Parts.counted,
    "episodic": _Parts.episodic,
    "global_times_episodic": lambda parts: product(parts.counted(), parts.episodic()),
    "elliptical": _Parts.elliptical,
    "distillation": _Parts.distillation,
    "novelty_difference": lambda parts: product(parts.difference(), parts.episodic()),
    "elliptical_times_distillation": lambda parts: product(
        parts.elliptical(), parts.distillation()
    ),
    "elliptical_times_novelty_difference": lambda parts: product(
        parts.elliptical(), parts.difference()
    ),
    "elliptical_plus_distillation": lambda parts: weighted_sum(
        (1.0, parts.config.sum_weight), parts.elliptical(), parts.distillation()
    ),
}


def named_bonus(
    world: Environment, cells: Cells, networks: NetworkConfig, config: BonusConfig
) -> Bonus:
    """The bonus that a configuration names.

    Args:
      world: in which it is paid.
      cells: what is counted.
      networks: of bonuses that have some.
      config: its name, and sizes.
    """
    return _BONUSES[config.kind](_Parts(world, cells, networks, config))


def bonus_agents(world: Environment, sample_task: SampleTask, config: BonusAgentsConfig) -> Method:
    """PPO on rewards with a bonus for what is new (Henaff et al., arXiv 2306.03236).

    Returns that it reports are those of the world alone.

    Args:
      world: a gymnax world; E3B's features need discrete actions.
      sample_task: `key -> Task`, where levels and lifetimes come from.
      config: sizes and hyperparameters.

    Returns:
      A method whose step is one update of every agent, and whose state is a `LivingState`.
    """
    return live(
        config.life_in(world),
        random_tasks(sample_task),
        num_agents=config.num_agents,
        num_episodes=config.num_episodes,
    )
