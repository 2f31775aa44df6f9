"""LPO and TA-LPO as methods of the command.

Networks, PPO, workers, rollouts and lifetimes are those with which PPO is good at the world.
"""

from collections.abc import Callable
from dataclasses import replace

from rlsuite.agents import ActorCriticConfig, make_actor
from rlsuite.drifts import LearnedDriftConfig
from rlsuite.experiments.evolution import AS_IN_PUBLIC_CODE, PANELS, SYMPTOMS, evolution_experiment
from rlsuite.experiments.knowledge_of_time import check_known_time
from rlsuite.experiments.meta_test import check_other_worlds
from rlsuite.experiments.methods.drifts.meta_test import DriftEvaluationConfig, learned_by, test
from rlsuite.experiments.methods.drifts.pictures import pictures
from rlsuite.experiments.ppo_settings import check_actor, check_mini_batches
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.lifetime import LifeConfig
from rlsuite.meta.evolution_config import EvolutionConfig
from rlsuite.methods.lpo import LPOConfig, lpo
from rlsuite.objectives.objective import KnowledgeOfTime

# In place of those of the world.
_SMALL = ActorCriticConfig("perceptron", (32, 32), activation="tanh")
_NETWORKS = {"laptop": _SMALL, "desk": _SMALL}
_WORLDS = {"paper": "SpaceInvaders-MinAtar"}
_LAPTOP_META = EvolutionConfig(
    population_size=32, learning_rate=3e-2, shaping="centred_rank", num_episodes=16
)
_LAPTOP_EVALUATION = DriftEvaluationConfig(
    num_seeds=32,
    horizons=(10, 20, 30, 60),
    num_episodes=64,
    num_agents=32,
    worlds=("Acrobot-v1", "Catch-bsuite", "Pendulum-v1"),
)
_SIZES: dict[str, Run] = {
    "smoke": Run(
        steps=4,
        max_lifetime=4,
        log_every=2,
        checkpoint_every=2,
        method=LPOConfig(
            drift=LearnedDriftConfig(hidden_width=16),
            meta=EvolutionConfig(population_size=4, num_episodes=4),
        ),
        evaluation=DriftEvaluationConfig(
            num_seeds=2,
            max_lifetime=4,
            horizons=(2, 8),
            num_episodes=4,
            num_agents=2,
            worlds=("Catch-bsuite",),
        ),
    ),
    "laptop": Run(
        steps=250,
        max_lifetime=30,
        log_every=2,
        checkpoint_every=50,
        method=LPOConfig(meta=_LAPTOP_META),
        evaluation=_LAPTOP_EVALUATION,
    ),
    "desk": Run(
        steps=500,
        max_lifetime=30,
        log_every=2,
        checkpoint_every=50,
        method=LPOConfig(meta=replace(_LAPTOP_META, population_size=64)),
        evaluation=_LAPTOP_EVALUATION,
    ),
    "paper": Run(
        steps=512,
        log_every=1,
        checkpoint_every=16,
        method=LPOConfig(
            meta=replace(AS_IN_PUBLIC_CODE, population_size=64, shaping="centred_rank")
        ),
        evaluation=DriftEvaluationConfig(
            num_seeds=16,
            horizons=(125, 250, 500, 1000),
            num_agents=16,
            worlds=(
                "Asterix-MinAtar",
                "Breakout-MinAtar",
                "Freeway-MinAtar",
                "CartPole-v1",
                "Acrobot-v1",
                "Pendulum-v1",
            ),
        ),
    ),
}


def _preset(size: str, time: KnowledgeOfTime) -> Callable[[WorldSpec | None], Run]:
    def preset(world):
        run = _SIZES[size]
        world = world or find_world(_WORLDS.get(size, "CartPole-v1"))
        settings = world.ppo
        lifetime = run.max_lifetime or settings.lifetime
        method = replace(
            run.method,
            drift=replace(run.method.drift, time=time),
            networks=_NETWORKS.get(size, settings.networks),
            ppo=settings.ppo,
            life=LifeConfig(settings.num_workers, settings.rollout_length),
        )
        return replace(
            run,
            tasks=world.name,
            min_lifetime=lifetime,
            max_lifetime=lifetime,
            method=method,
        )

    return preset


def _build(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, required(world)
    check_known_time("drift", config.drift, world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    check_actor(world.world, config.networks)
    method = lpo(world.world, world.sample_task, config)
    return evolution_experiment(method, config.meta, config.life, world)


def _check(run: Run, world: WorldSpec | None) -> None:
    del world
    check_other_worlds(run.evaluation, lambda other: make_actor(other.world, other.ppo.networks))


LPO = MethodSpec(
    name="lpo",
    kind="drift",
    summary="what keeps PPO proximal, evolved over whole trainings",
    paper="2210.05639",
    presets={size: _preset(size, "none") for size in _SIZES},
    build=_build,
    check=_check,
    test=test,
    pictures=pictures,
    learned_by=learned_by,
    panels=PANELS,
    symptoms=SYMPTOMS,
)
TA_LPO = LPO._replace(
    name="ta-lpo",
    summary="LPO that knows how far training has come",
    paper="2402.05828",
    presets={size: _preset(size, "progress") for size in _SIZES},
)
