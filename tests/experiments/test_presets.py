"""What the presets of our methods stand for, and what is not allowed of them."""

from dataclasses import fields, replace

import jax
import pytest

from rlsuite.envs.foreign import is_installed
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.fields import from_json, to_json
from rlsuite.experiments.methods.cheap_talk.victims import WORLD_NAMES, victim_settings
from rlsuite.experiments.plans import default_run, plan
from rlsuite.experiments.registry import find_world, world_names
from tests.experiments.running import METHODS, plan_of


def preset(method, name, tasks=None):
    return default_run(METHODS.find(method), name, tasks)


def test_paper_preset_has_the_papers_sizes():
    run = preset("groove", "paper")
    meta, buffer, life = run.method.meta, run.method.buffer, run.method.life
    assert (meta.num_agents, life.num_workers, life.rollout_length) == (512, 64, 20)
    assert (meta.num_updates, meta.learning_rate, run.steps) == (5, 1e-4, 5000)
    assert (buffer.size, buffer.replay_probability, run.tasks) == (4000, 0.5, "all_shortlife")
    assert run.method.objective.recurrent_width == 256
    assert run.method.score == "algorithmic_regret"
    assert meta.max_gradient_norm is None


@pytest.mark.parametrize("spec", list(METHODS), ids=METHODS.names)
def test_a_desk_is_larger_than_a_laptop_and_tested_alike(spec):
    laptop, desk = (default_run(spec, size) for size in ("laptop", "desk"))
    assert desk.evaluation == laptop.evaluation and desk.tasks == laptop.tasks
    sizes = [run.steps * _num_side_by_side(run.method) for run in (laptop, desk)]
    assert 3 <= sizes[1] / sizes[0] <= 9


def _num_side_by_side(method):
    meta = getattr(method, "meta", method)
    if hasattr(meta, "population_size"):
        return meta.population_size
    return getattr(meta, "num_agents", 1)


@pytest.mark.parametrize("world", WORLD_NAMES.values())
def test_the_papers_victims_stand_in_the_presets_of_cheap_talk(world):
    train, attack = (preset(method, "paper", world) for method in ("act-train", "act-test"))
    victims, population_size, oracle_ppo = victim_settings(world)
    for run in (train, attack):
        method = run.method
        assert (run.tasks, method.meta.population_size) == (world, population_size)
        assert (run.min_lifetime, run.max_lifetime) == (victims.lifetime, victims.lifetime)
        assert method.life.num_workers == victims.num_workers
        assert method.networks == victims.networks and method.ppo == victims.ppo
    in_cart_pole = {"learning_rate": 0.02, "entropy_coefficient": 0.005}
    its_own = in_cart_pole if world == "CartPole-v1" else {}
    assert attack.method.oracle_ppo == oracle_ppo == replace(victims.ppo, **its_own)
    assert train.method.channel.scale == pytest.approx(2 * attack.method.channel.scale)
    smoke = preset("act-train", "smoke", world)
    assert smoke.max_lifetime == 2 and smoke.method.meta.population_size == 4


@pytest.mark.parametrize("world", WORLD_NAMES.values())
@pytest.mark.parametrize("size", ["laptop", "desk"])
@pytest.mark.parametrize(("method", "lifetime"), [("act-train", 10), ("act-test", 16)])
def test_victims_of_small_sizes_live_for_the_same_share_of_the_papers_lives(
    method, lifetime, size, world
):
    run = preset(method, size, world)
    share = lifetime / victim_settings("CartPole-v1").life.lifetime
    assert run.max_lifetime == share * victim_settings(world).life.lifetime
    evolved = run.steps * run.method.meta.population_size
    in_cart_pole = preset(method, size)
    if world == "CartPole-v1":
        assert run == in_cart_pole
    else:
        most = in_cart_pole.steps * in_cart_pole.method.meta.population_size / 9
        assert evolved <= most and run.evaluation.num_seeds == 32


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"meta.num_mini_batches": "3"}, "meta.num_mini_batches: 3 is not allowed; it must"),
        ({"meta.num_updates": "11"}, "meta.num_updates: 11 is not allowed; it must be at most 10"),
        ({"buffer.size": "15"}, "buffer.size: 15 is not allowed; it must be at least 16"),
        ({"agent.architecture": "convolution"}, "agent.architecture: 'convolution' can't read"),
        ({"score": "exact_regret", "tasks": "CartPole-v1"}, "score: 'exact_regret' is not allowed"),
        ({"evaluation.max_lifetime": "0"}, "evaluation.max_lifetime: 0 is not allowed"),
        ({"evaluation.a2c_rates": ","}, "evaluation.a2c_rates: () is not allowed"),
        (
            {"evaluation.worlds": "Catch-bsuit"},
            "evaluation.worlds: unknown world 'Catch-bsuit' (did",
        ),
        ({"buffer.temperature": "0"}, "buffer.temperature: 0.0 is not allowed"),
    ],
)
def test_what_spans_fields_is_named_with_what_is_allowed(texts, message):
    tasks = texts.pop("tasks", "all_vrandlife")
    with pytest.raises(ConfigError) as caught:
        plan(METHODS, "groove", "smoke", texts, tasks=tasks)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tracker_is_needed_by_those_who_train_and_not_by_those_who_open(monkeypatch):
    monkeypatch.setattr("rlsuite.experiments.trackers.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="wandb: needs the package wandb"):
        plan(METHODS, "a2c", "smoke", {"wandb": "a project"})
    assert plan_of("a2c", wandb="a project").experiment.method


@pytest.mark.parametrize(
    ("tasks", "architecture"),
    [
        ("all_shortlife", "table"),
        ("rand_all", "perceptron"),
        ("CartPole-v1", "perceptron"),
        ("Breakout-MinAtar", "convolution"),
    ],
)
def test_the_agent_follows_the_tasks(tasks, architecture):
    assert preset("lpg", "smoke", tasks).method.agent.architecture == architecture


def test_worlds_that_agents_cannot_act_in_are_refused():
    with pytest.raises(ConfigError, match="tasks: unknown name 'MNISTBandit-bsuite'"):
        find_world("MNISTBandit-bsuite")
    assert plan(METHODS, "lpo", "smoke", {}, tasks="Pendulum-v1").run.tasks == "Pendulum-v1"


@pytest.mark.parametrize(
    ("name", "package", "extra"),
    [
        ("ant-brax", "brax", "brax"),
        ("Craftax-Symbolic-v1", "craftax", "craftax"),
        ("Navix-FourRooms-v0", "navix", "navix"),
        ("CheetahRun-playground", "mujoco_playground", "playground"),
        ("MiniGrid-FourRooms", "xminigrid", "xland"),
    ],
)
def test_worlds_of_other_packages_say_what_they_need(name, package, extra):
    if is_installed(package):
        assert name in world_names()
        return
    assert name not in world_names()
    with pytest.raises(ConfigError, match=rf"tasks: '{name}' needs .*rlsuite\[{extra}\]"):
        find_world(name)


def test_counts_of_updates_and_steps():
    small = {"meta": {"num_agents": 4}, "life": {"num_workers": 3, "rollout_length": 7}}
    experiment = plan_of("groove", parts=small).experiment
    assert experiment.agent_updates_per_step == 4 * 5
    # Five rollouts and one for the meta-objective, and five of the antagonist.
    assert experiment.world_steps_per_step == 4 * 3 * 7 * 11


def test_worlds_take_parameters_of_the_type_they_have():
    level = (
        find_world("CartPole-v1", {"force_mag": "20", "max_steps_in_episode": "7"})
        .sample_task(jax.random.key(0))
        .level
    )
    assert (level.force_mag, level.max_steps_in_episode) == (20.0, 7)
    with pytest.raises(ConfigError, match=r"tasks.max_steps_in_episode: '1.5' is not allowed"):
        find_world("CartPole-v1", {"max_steps_in_episode": "1.5"})


def test_lifetimes_have_one_owner():
    world = find_world("small")
    assert world.living(None, None) is world
    assert world.living(3, 5).lifetime_range == (3, 5)
    with pytest.raises(ConfigError, match="max_lifetime: 1 is not allowed; it must be at least"):
        world.living(None, 1)
    with pytest.raises(ConfigError, match="min_lifetime: 9 is not allowed; it must be at most 5"):
        world.living(9, 5)


@pytest.mark.parametrize(
    ("method", "name"),
    [
        ("act-test", "channel"),
        ("paired", "teacher"),
        ("repaired", "buffer"),
        ("repeated-games", "networks"),
    ],
)
def test_a_part_of_a_run_that_is_not_as_its_kind_is_elsewhere_is_as_the_method_has_it(method, name):
    run = plan_of(method).run
    document = to_json(run)
    del document["method"][name]
    kind = type(run.method)
    (own,) = (each.default_factory() for each in fields(kind) if each.name == name)
    assert own != type(own)()
    assert getattr(from_json(run, document).method, name) == own
