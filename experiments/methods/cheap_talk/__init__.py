"""Adversarial cheap talk, at train time and at test time."""

from rlsuite.experiments.evolution import PANELS, SYMPTOMS, evolution_experiment
from rlsuite.experiments.methods.cheap_talk import presets, victims_test
from rlsuite.experiments.methods.cheap_talk.pictures import pictures
from rlsuite.experiments.methods.cheap_talk.trainers import learned_by
from rlsuite.experiments.methods.cheap_talk.victims import WORLD_NAMES
from rlsuite.experiments.ppo_settings import check_mini_batches
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, WorldSpec, required
from rlsuite.methods.cheap_talk import act_train
from rlsuite.methods.cheap_talk_test_time import act_test


def _build_train(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, required(world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    method = act_train(world.world, world.sample_task, config)
    return evolution_experiment(method, config.meta, config.life, world)


def _build_test(run: Run, world: WorldSpec | None) -> Experiment:
    config, world = run.method, required(world)
    check_mini_batches("ppo", config.ppo, config.life, config.networks)
    check_mini_batches("oracle_ppo", config.oracle_ppo, config.life, config.oracle_networks)
    method = act_test(world.world, world.sample_task, config)
    more = config.oracle_lifetime if config.messenger == "oracle" else 0
    return evolution_experiment(method, config.meta, config.life, world, more_updates=more)


ACT_TRAIN = MethodSpec(
    name="act-train",
    kind="channel that speaks to those who learn",
    summary="cheap talk that hurts or helps those who learn",
    paper="2211.11030",
    presets={size: presets.train_time_preset(size) for size in presets.SIZES},
    build=_build_train,
    test=victims_test.channel_test,
    pictures=pictures,
    learned_by=learned_by,
    panels=PANELS,
    symptoms=SYMPTOMS,
    short_names=WORLD_NAMES,
)
ACT_TEST = ACT_TRAIN._replace(
    name="act-test",
    kind="channel and messenger",
    summary="cheap talk by which trained agents can be steered",
    presets={size: presets.test_time_preset(size) for size in presets.SIZES},
    build=_build_test,
    test=victims_test.shaper_test,
    learned_by=None,
)

SPECS = (ACT_TRAIN, ACT_TEST)
