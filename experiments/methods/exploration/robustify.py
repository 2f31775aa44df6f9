"""Go-Explore with both its phases as a method of the command."""

from collections.abc import Callable
from dataclasses import replace

from rlsuite.agents import ActorCriticConfig
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.methods.exploration.go_explore import (
    check_determinism,
    level_to_explore,
)
from rlsuite.experiments.methods.exploration.robustify_test import (
    RobustifyEvaluationConfig,
    test,
)
from rlsuite.experiments.ppo_settings import check_actor, check_mini_batches
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.lifetime import LifeConfig
from rlsuite.methods.go_explore import GoExploreConfig
from rlsuite.methods.robustify import RobustAgentsConfig, explore_and_robustify
from rlsuite.objectives.proximal_policy_optimisation import PPOConfig

# In units of the deviation of returns, by which rewards are divided; chosen with keys that no
# result is measured with.
_PPO = PPOConfig(
    num_mini_batches=1,
    learning_rate=0.05,
    anneal_learning_rate=True,
    entropy_coefficient=0.2,
    anneal_entropy=True,
    normalise_rewards=True,
)
_LAPTOP = RobustAgentsConfig(
    networks=ActorCriticConfig("table"),
    ppo=_PPO,
    life=LifeConfig(num_workers=64, rollout_length=32),
    sees_cells=True,
)
_SIZES = {
    "smoke": Run(
        tasks="KeyDoors-v0",
        steps=6,
        log_every=2,
        checkpoint_every=2,
        method=replace(
            _LAPTOP,
            life=LifeConfig(num_workers=4, rollout_length=8),
            explore=GoExploreConfig(num_trajectories=8),
            explore_steps=4,
            num_agents=2,
        ),
        evaluation=RobustifyEvaluationConfig(num_episodes=4),
    ),
    "laptop": Run(
        tasks="KeyDoors-v0",
        steps=1150,
        log_every=10,
        checkpoint_every=500,
        method=_LAPTOP,
        evaluation=RobustifyEvaluationConfig(),
    ),
    "desk": Run(
        tasks="KeyDoors-v0",
        steps=5000,
        log_every=20,
        checkpoint_every=1000,
        method=replace(_LAPTOP, explore_steps=1000, num_agents=16),
        evaluation=RobustifyEvaluationConfig(),
    ),
    # What the paper has on Atari, where an agent sees pictures; its 256 workers on one machine, and
    # a window that a demonstration of thousands of steps has room for.
    "paper": Run(
        tasks="KeyDoors-v0",
        steps=40_000,
        log_every=100,
        checkpoint_every=5000,
        method=RobustAgentsConfig(
            networks=ActorCriticConfig("convolution", (512,), (32, 64, 64), torso="shared"),
            ppo=PPOConfig(discount=0.999, learning_rate=1e-4, entropy_coefficient=1e-5),
            life=LifeConfig(num_workers=256, rollout_length=128),
            window=160,
            explore=GoExploreConfig(num_trajectories=100, trajectory_length=100, mean_repeat=20),
            explore_steps=30_000,
            num_agents=1,
        ),
        evaluation=RobustifyEvaluationConfig(),
    ),
}


def _preset(size: str) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = _SIZES[size]
        return run if world is None else replace(run, tasks=world.name)

    return preset


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, required(world)
    num_updates = run.steps - config.explore_steps
    if num_updates < 1:
        raise ConfigError(
            f"steps: {run.steps} is not allowed; it must be more than explore_steps, which are "
            f"{config.explore_steps}"
        )
    level = level_to_explore(world)
    cells = config.explore.cells_in(world.world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    check_actor(config.seen(world.world, cells), config.networks)
    method = explore_and_robustify(
        world.world,
        level,
        cells,
        config.explore,
        config,
        num_steps=config.explore_steps,
        num_updates=num_updates,
        num_agents=config.num_agents,
    )
    return Experiment(
        method=method,
        agent_updates_per_step=config.num_agents,
        world_steps_per_step=config.num_agents
        * max(
            config.life.num_workers * config.life.rollout_length,
            config.explore.num_trajectories * config.explore.trajectory_length,
        ),
        headline=("latest_start", "success", "start_return"),
        count_world_steps=lambda metrics: config.num_agents * metrics["world_steps"],
    )


def _check(run: Run, world: WorldSpec | None) -> None:
    del run
    check_determinism(required(world), again=True)


ROBUSTIFY = MethodSpec(
    name="robustify",
    title="robustified Go-Explore",
    kind="policy for sticky actions",
    summary="explores as Go-Explore, then learns to do what it has found where actions stick",
    paper="2004.12919",
    presets={size: _preset(size) for size in _SIZES},
    build=_build,
    check=_check,
    test=test,
    learned=lambda state: state.second.agent.learner,
    panels={
        "best_score": "best score found, first phase",
        "latest_start": "latest start of episodes, second phase",
        "success": "share of episodes that succeed",
        "start_return": "score of episodes from the start, where actions stick",
    },
)
