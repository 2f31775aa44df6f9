"""What runs of evolution share: what a generation takes, and what is plotted of it."""

import math

from rlsuite.experiments.specs import Experiment, WorldSpec
from rlsuite.experiments.symptoms import Symptom
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.method import Method

AS_IN_PUBLIC_CODE = EvolutionConfig(first_moment_decay=0.99, first_mean="zero")
"""As the public code of arXiv 2402.05828 evolves; what its text doesn't say is taken from there."""

PANELS = {
    "fitness": "mean fitness of candidates",
    "fitness_deviation": "deviation of fitness in a generation",
    "update_norm": "norm of the update of the mean",
    "tied_pairs": "share of pairs without a winner",
    "saturated_fitness": "share of candidates as good as the best",
}

SYMPTOMS = (Symptom("tied_pairs", lambda share: share >= 1, 10, "no pair has a winner"),)


def evolution_experiment(
    method: Method, meta: EvolutionConfig, life: LifeConfig, world: WorldSpec, more_updates: int = 0
) -> Experiment:
    """An experiment whose step is a generation.

    Args:
      method: the evolution.
      meta: its hyperparameters.
      life: how much experience an update takes.
      world: its lifetimes are those of the agents.
      more_updates: that a candidate takes beside those of its agent's life.
    """
    shortest, longest = world.lifetime_range
    # The mean of a log-uniform number.
    lifetime = (
        (longest - shortest) / math.log(longest / shortest) if longest > shortest else longest
    )
    updates = round(meta.population_size * meta.tasks_per_candidate * (lifetime + more_updates))
    steps = updates * life.num_workers * life.rollout_length
    headline = ("fitness", "fitness_max", "tied_pairs")
    trials = meta.population_size // 2 * meta.tasks_per_candidate // meta.num_mini_batches
    return Experiment(method, updates, steps, headline, watched=("fitness",), divisible=trials)
