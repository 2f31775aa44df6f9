"""GROOVE: LPG meta-trained on the tasks that a hand-written antagonist does better at."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from gymnax.environments.environment import Environment

from rlsuite.curricula.buffer import BufferConfig, prioritised_replay
from rlsuite.curricula.curriculum import Editor, SampleTask
from rlsuite.meta.gradient_config import meta_gradient_from_config
from rlsuite.meta.held_out import watch_held_out
from rlsuite.method import Method
from rlsuite.methods.lpg import (
    LPGPartsConfig,
    agent_life,
    antagonist_life,
    value_critic,
    whole_meta_steps,
)
from rlsuite.named_scores import named_score
from rlsuite.objectives.actor_critic import A2CConfig
from rlsuite.ranges import Count, Fraction
from rlsuite.rollout import OptimalReturn
from rlsuite.scores import Score, algorithmic_regret, learnable, max_monte_carlo

ScoreName = Literal[
    "algorithmic_regret",
    "positive_value_loss",
    "l1_value_loss",
    "max_monte_carlo",
    "learnability",
    "exact_regret",
]


@dataclass(frozen=True)
class GrooveConfig(LPGPartsConfig):
    """What GROOVE adds to LPG.

    Attributes:
      antagonist: hyperparameters of the antagonist, which has the agent's own networks.
      buffer: how tasks are kept and replayed.
      score: what makes a task worth replaying.
      edited_fraction: of the tasks that are not replayed, the share that are not drawn anew but
        edited from tasks of the buffer.
      num_edits: of the level of each of these.
    """

    antagonist: A2CConfig = field(default_factory=A2CConfig)
    buffer: BufferConfig = field(default_factory=BufferConfig)
    score: ScoreName = "algorithmic_regret"
    edited_fraction: Fraction = 0.0
    num_edits: Count = 5

    def task_score(self, world: Environment, optimal_return: OptimalReturn | None) -> Score:
        """The score that is named.

        Raises:
          ValueError: if it is unknown, or needs an optimal return and there is none.
        """
        meta, num_workers = self.meta, self.life.num_workers

        def regret() -> Score:
            antagonist = antagonist_life(world, self, self.antagonist)
            return algorithmic_regret(antagonist, meta.num_updates, meta.num_episodes)

        own = {
            "algorithmic_regret": regret,
            "learnability": lambda: learnable(num_workers),
            "max_monte_carlo": lambda: max_monte_carlo(num_workers, meta.discount),
        }
        return named_score(self.score, own, optimal_return)


def groove(
    world: Environment,
    sample_task: SampleTask,
    config: GrooveConfig,
    *,
    score: Score | None = None,
    optimal_return: OptimalReturn | None = None,
    editor: Callable[[int], Editor] | None = None,
) -> Method:
    """LPG meta-trained on the tasks it regrets most (arXiv 2310.02782, Algorithm 1).

    Args:
      world: a gymnax world with discrete actions or a box of them.
      sample_task: `key -> Task`, where fresh tasks come from.
      config: sizes and hyperparameters.
      score: what makes a task worth replaying, in place of the score that the config names.
      optimal_return: needed by the score `exact_regret`, and what returns on held-out levels are
        fractions of where it is known.
      editor: `num_edits -> edit`, needed where some tasks are edited.

    Returns:
      A method whose state holds the learned objective in `parameters`, and the level buffer in the
      `curriculum` of what `rlsuite.watching.unwatched` makes of it.

    Raises:
      ValueError: as `config.task_score`, or if there are to be edits and there is no editor.
    """
    score = score or config.task_score(world, optimal_return)
    life = agent_life(world, config)
    critic = value_critic(world, config.agent)
    sample = whole_meta_steps(sample_task, config.meta.num_updates)
    curriculum = prioritised_replay(
        sample,
        config.buffer,
        edit=_edit(config, editor),
        edited_fraction=config.edited_fraction,
    )
    method = meta_gradient_from_config(life, critic, curriculum, score, config.meta)
    return watch_held_out(method, life, sample_task, optimal_return, config.held_out)


def _edit(config: GrooveConfig, editor: Callable[[int], Editor] | None) -> Editor | None:
    if config.edited_fraction == 0.0:
        return None
    if editor is None:
        raise ValueError(
            f"edited_fraction: {config.edited_fraction} is not allowed; it must be 0 for worlds "
            "whose levels can't be edited"
        )
    return editor(config.num_edits)
