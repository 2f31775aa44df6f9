"""What runs of LPG and its kin share: evaluations, agents for a world, and what is checked."""

from dataclasses import replace

from rlsuite.agents import make_agent
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.knowledge_of_time import check_known_time
from rlsuite.experiments.meta_test import check_other_worlds
from rlsuite.experiments.methods.learned_policy_gradient.levels import LevelEvaluationConfig
from rlsuite.experiments.specs import Run, WorldSpec

KIND = "objective of learned policy gradient"

HELD_OUT_PANELS = {
    "held_out_fraction": "fraction of the optimum on held-out levels",
    "held_out_return": "return on held-out levels",
}

SMOKE_EVALUATION = LevelEvaluationConfig(
    num_levels=4,
    num_draws=1,
    num_seeds=2,
    num_workers=8,
    max_lifetime=25,
    num_episodes=8,
    num_agents=16,
    a2c_rates=(1.0,),
    a2c_entropies=(0.0, 0.01),
)
LAPTOP_EVALUATION = LevelEvaluationConfig(
    num_levels=32,
    num_draws=4,
    num_seeds=2,
    num_workers=16,
    max_lifetime=250,
    num_episodes=32,
    num_agents=32,
    objective_rates=(1.0, 4.0, 16.0),
)


def on(world: WorldSpec | None, run: Run) -> Run:
    """The run on another world, with the field's usual agent for it; none leaves it."""
    if world is None:
        return run
    return replace(run, tasks=world.name, method=replace(run.method, agent=world.agent))


def check(run: Run, world: WorldSpec) -> None:
    """Checks what only the worlds can tell of a configuration.

    Raises:
      ConfigError: if agents can't act in a world, or objectives are told lifetimes of training as
        other ones.
    """
    check_known_time("objective", run.method.objective, world)
    try:
        make_agent(world.world, run.method.agent)
    except ValueError as error:
        name = "tasks" if str(error).startswith("actions") else "agent"
        raise ConfigError(f"{name}.{error}") from error


def check_worlds(run: Run, world: WorldSpec | None) -> None:
    """As `check_other_worlds`, of the usual agents there."""
    del world
    check_other_worlds(run.evaluation, lambda other: make_agent(other.world, other.agent))
