"""PPO with exploration bonuses: global, episodic, and both at once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import jax
import jax.numpy as jnp
from gymnax.environments.environment import Environment

from rlsuite.curricula.curriculum import SampleTask, random_tasks, tasks_in_turn
from rlsuite.drifts import ppo_clip
from rlsuite.envs.cells import Cells, CellWorld
from rlsuite.envs.contexts import ManyMaps
from rlsuite.exploration.bonuses import (
    Bonus,
    episodic_counts,
    global_counts,
    inverse_root,
    unless_terminated,
)
from rlsuite.exploration.cells import CellsConfig
from rlsuite.exploration.choice import Formula, Term, one_of
from rlsuite.exploration.distillation import (
    Novelty,
    novelty_bonus,
    novelty_difference,
    random_network_distillation,
)
from rlsuite.exploration.elliptical import (
    Features,
    elliptical,
    feature_change,
    inverse_dynamics,
)
from rlsuite.exploration.fitting import FittingConfig
from rlsuite.exploration.guidance import adversarial_guidance
from rlsuite.exploration.learning import with_bonus
from rlsuite.lifetime import Life
from rlsuite.living import live
from rlsuite.method import Method
from rlsuite.methods.ppo import PPOAgentsConfig
from rlsuite.networks import NetworkConfig
from rlsuite.ranges import Counts, EachOnce, Fraction, NotNegative, Positive
from rlsuite.requirements import require_known

BonusKind = Literal[
    "none",
    "global",
    "episodic",
    "global_times_episodic",
    "global_plus_episodic",
    "elliptical",
    "distillation",
    "novelty_difference",
    "elliptical_times_distillation",
    "elliptical_times_novelty_difference",
    "elliptical_plus_distillation",
    "elliptical_plus_novelty_difference",
    "feature_change",
    "guidance",
]
"""Bonuses by name; those of counts come after none."""


@dataclass(frozen=True)
class BonusConfig(CellsConfig):
    """What is paid for what is new; cells are what is counted.

    Attributes:
      kind: none; counts over training, within the episode, their product or their sum; E3B
        (`elliptical`), random network distillation, NovelD (`novelty_difference`), E3B times or
        plus either, RIDE (`feature_change`), and AGAC (`guidance`).
      weight: of the bonus, once it is divided by its standard deviation.
      reward_clip: reward and bonus together are kept in plus or minus this; none leaves them.
      ridge: of E3B's matrix.
      scale: of the novelty before a step, where it is taken from that after it.
      sum_weight: of what is global, where it is added to what is episodic.
      pays_ends: whether steps are paid that terminate an episode.
      fitting: how the networks of a bonus learn.
    """

    kind: BonusKind = "global_times_episodic"
    weight: NotNegative = 0.1
    reward_clip: Positive | None = None
    ridge: Positive = 0.1
    scale: Fraction = 0.1
    sum_weight: NotNegative = 1.0
    pays_ends: bool = True
    fitting: FittingConfig = field(default_factory=FittingConfig)


@dataclass(frozen=True)
class BonusAgentsConfig(PPOAgentsConfig):
    """What agents are made of that learn by PPO on rewards with a bonus.

    Attributes:
      bonus: what is paid beside the rewards.
      beside: other kinds of bonus, by each of which as many agents learn, in the same program.
      contexts: numbers of maps: for each and each kind there are as many agents, on levels of which
        the first so many maps are kept. Without any, levels stay as they are drawn.
    """

    bonus: BonusConfig = field(default_factory=BonusConfig)
    beside: tuple[BonusKind, ...] = ()
    contexts: Annotated[Counts, EachOnce()] = ()

    @property
    def kinds(self) -> tuple[BonusKind, ...]:
        """The bonuses that agents learn by, the one that is configured first."""
        return (self.bonus.kind, *self.beside)

    @property
    def groups(self) -> tuple[int, int, int]:
        """All agents, as numbers of maps, kinds of bonus, and agents of each pair of them."""
        return max(len(self.contexts), 1), len(self.kinds), self.num_agents

    def life_in(self, world: Environment) -> Life:
        """How such agents live in a world.

        Raises:
          ValueError: if a bonus is unknown, or the world has no cells of the name asked for.
        """
        require_known("bonus.kind", self.bonus.kind, get_args(BonusKind))
        for kind in self.beside:
            require_known("beside", kind, get_args(BonusKind))
        cells = self.bonus.cells_in(world)
        bonus = named_bonus(world, cells, self.networks, self.bonus, self.kinds)
        counts = _COUNTING & _parts_of(self.kinds, self.bonus)
        told = CellWorld(world, cells) if counts else world
        life = self.life_by(told, ppo_clip(self.clip_epsilon))
        objective = with_bonus(
            life.objective,
            bonus,
            weight=self.bonus.weight,
            num_workers=self.life.num_workers,
            reward_clip=self.bonus.reward_clip,
        )
        return life._replace(objective=objective)


def _parts(
    world: Environment, cells: Cells, networks: NetworkConfig, config: BonusConfig
) -> dict[str, Callable[[], Bonus]]:
    """What bonuses are made of, by name."""

    def distillation() -> Novelty:
        return random_network_distillation(world, networks, config.fitting)

    def features() -> Features:
        return inverse_dynamics(world, networks, config.fitting)

    return {
        "counts": lambda: global_counts(cells.number),
        "first visits": lambda: episodic_counts(cells.number),
        "fewer visits": lambda: episodic_counts(cells.number, inverse_root),
        "change": lambda: feature_change(features()),
        "E3B": lambda: elliptical(features(), config.ridge),
        "RND": lambda: novelty_bonus(distillation()),
        "difference": lambda: novelty_difference(distillation(), config.scale),
        "guidance": lambda: adversarial_guidance(world, networks, config.fitting),
    }


_COUNTING = {"counts", "first visits", "fewer visits"}
"""Parts that have to be told of cells."""
_PRODUCTS: Mapping[BonusKind, tuple[str, ...]] = {
    "global": ("counts",),
    "episodic": ("first visits",),
    "global_times_episodic": ("counts", "first visits"),
    "elliptical": ("E3B",),
    "distillation": ("RND",),
    "novelty_difference": ("difference", "first visits"),
    "elliptical_times_distillation": ("E3B", "RND"),
    "elliptical_times_novelty_difference": ("E3B", "difference"),
    "feature_change": ("change", "fewer visits"),
}
_SUMS: Mapping[BonusKind, tuple[str, str]] = {
    "global_plus_episodic": ("first visits", "counts"),
    "elliptical_plus_distillation": ("E3B", "RND"),
    "elliptical_plus_novelty_difference": ("E3B", "difference"),
    "guidance": ("fewer visits", "guidance"),
}
"""An episodic part, and a global one, which is weighted."""


def formula(kind: BonusKind, config: BonusConfig) -> Formula:
    """What a kind of bonus pays, of which parts.

    Raises:
      ValueError: if the kind is unknown.
    """
    require_known("kind", kind, get_args(BonusKind))
    if kind == "none":
        return ()
    if kind in _SUMS:
        episodic, whole = _SUMS[kind]
        return Term((episodic,)), Term((whole,), config.sum_weight)
    return (Term(_PRODUCTS[kind]),)


def _parts_of(kinds: Sequence[BonusKind], config: BonusConfig) -> set[str]:
    return {name for kind in kinds for term in formula(kind, config) for name in term.parts}


def named_bonus(
    world: Environment,
    cells: Cells,
    networks: NetworkConfig,
    config: BonusConfig,
    kinds: Sequence[BonusKind],
) -> Bonus:
    """The bonuses of some names, of which an agent is paid one, at first the first.

    Args:
      world: in which it is paid.
      cells: what is counted.
      networks: of bonuses that have some.
      config: sizes.
      kinds: the names.
    """
    known, needed = _parts(world, cells, networks, config), _parts_of(kinds, config)
    parts = {name: make() for name, make in known.items() if name in needed}
    bonus = one_of(parts, [formula(kind, config) for kind in kinds])
    return bonus if config.pays_ends else unless_terminated(bonus)


def bonus_agents(world: Environment, sample_task: SampleTask, config: BonusAgentsConfig) -> Method:
    """PPO on rewards with a bonus for what is new (Henaff et al., arXiv 2306.03236).

    Returns that it reports are those of the world alone.

    Args:
      world: a gymnax world; E3B's features need discrete actions.
      sample_task: `key -> Task`, where levels and lifetimes come from.
      config: sizes and hyperparameters.

    Returns:
      A method whose step is one update of every agent, and whose state is a `LivingState`. Agents
      are in the order of `config.groups`, the last varying fastest.

    Raises:
      ValueError: if a kind is there twice, or levels have not as many maps as are to be kept, and
        as `config.life_in`.
    """
    num_contexts, num_kinds, each = config.groups
    _check_groups(world, sample_task, config)

    def sample(key, number):
        task = sample_task(key)
        kept = jnp.array(config.contexts)[number // (num_kinds * each)]
        return task._replace(level=task.level.first_maps(kept))

    def paid_by_its_place(agent, place):
        bonus = agent.learner.bonus._replace(which=place // each % num_kinds)
        return agent._replace(learner=agent.learner._replace(bonus=bonus))

    return live(
        config.life_in(world),
        tasks_in_turn(sample) if config.contexts else random_tasks(sample_task),
        num_agents=num_contexts * num_kinds * each,
        num_episodes=config.num_episodes,
        prepare=paid_by_its_place,
    )


def _check_groups(world: Environment, sample_task: SampleTask, config: BonusAgentsConfig) -> None:
    for kind in config.beside:
        if config.kinds.count(kind) > 1:
            raise ValueError(f"beside: {kind} is not allowed; it is among the bonuses already")
    if not config.contexts:
        return
    key = jax.eval_shape(lambda: jax.random.key(0))
    level = jax.eval_shape(sample_task, key).level
    if not isinstance(level, ManyMaps):
        raise ValueError(f"contexts: they are not allowed, as levels of {world.name} have no maps")
    if max(config.contexts) > level.num_maps:
        raise ValueError(
            f"contexts: {max(config.contexts)} is not allowed; it must be at most "
            f"{level.num_maps}, the maps of a level"
        )
