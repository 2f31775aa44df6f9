from dataclasses import replace

import jax
import pytest

from rlsuite.envs.brax import has_brax
from rlsuite.experiments.build import build
from rlsuite.experiments.configs import METHODS
from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.presets import NAMES, preset
from rlsuite.experiments.presets_act import WORLD_NAMES, victim_preset, world_name
from rlsuite.experiments.tasks import task_source
from rlsuite.experiments.validation import validate


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("name", NAMES)
def test_every_preset_is_valid(method, name):
    validate(preset(method, name))


def test_paper_preset_has_the_papers_sizes():
    config = preset("groove", "paper")
    meta, buffer, life = config.meta, config.buffer, config.life
    assert (meta.num_agents, life.num_workers, life.rollout_length) == (512, 64, 20)
    assert (meta.num_updates, meta.learning_rate, config.steps) == (5, 1e-4, 5000)
    assert (buffer.size, buffer.replay_probability, config.tasks) == (4000, 0.5, "all_shortlife")
    assert config.objective.recurrent_width == 256
    assert config.score == "algorithmic_regret"
    assert meta.max_gradient_norm is None


@pytest.mark.parametrize("world", WORLD_NAMES)
def test_the_papers_victims_stand_in_the_presets_of_cheap_talk(world):
    full_name = world_name(world)
    train, attack = (preset(method, "paper", full_name) for method in ("act-train", "act-test"))
    victims, population_size = victim_preset(full_name)
    for config in (train, attack):
        validate(config)
        assert (config.tasks, config.meta.population_size) == (full_name, population_size)
        assert (config.min_lifetime, config.max_lifetime) == (victims.lifetime, victims.lifetime)
        assert config.life.num_workers == victims.num_workers
        assert config.networks == victims.networks and config.ppo == victims.ppo
    assert train.channel.scale == pytest.approx(2 * attack.channel.scale)
    smoke = preset("act-train", "smoke", full_name)
    assert smoke.max_lifetime == 2 and smoke.meta.population_size == 4


def changed(config, part, **changes):
    return replace(config, **{part: replace(getattr(config, part), **changes)})


@pytest.mark.parametrize(
    ("part", "changes", "message"),
    [
        ("meta", {"num_agents": 0}, "meta.num_agents: 0 is not allowed; it must be at least 1"),
        ("life", {"num_workers": -3}, "life.num_workers: -3 is not allowed"),
        ("meta", {"num_mini_batches": 3}, "meta.num_mini_batches: 3 is not allowed; it must be a"),
        ("meta", {"num_updates": 11}, "meta.num_updates: 11 is not allowed; it must be at most 10"),
        ("meta", {"discount": 1.5}, "meta.discount: 1.5 is not allowed; it must be between 0 and"),
        ("meta", {"learning_rate": 0.0}, "meta.learning_rate: 0.0 is not allowed"),
        ("meta", {"policy_entropy_coefficient": -0.1}, "0 or more"),
        ("buffer", {"size": 15}, "buffer.size: 15 is not allowed; it must be at least 16"),
        ("buffer", {"temperature": 0.0}, "buffer.temperature: 0.0 is not allowed"),
        ("evaluation", {"max_lifetime": 0}, "evaluation.max_lifetime: 0 is not allowed"),
        ("evaluation", {"a2c_rates": ()}, "evaluation.a2c_rates: () is not allowed"),
        ("agent", {"architecture": "convolution"}, "agent.architecture: 'convolution' can't read"),
        ("agent", {"hidden_widths": (32, 0)}, "agent.hidden_widths: (32, 0) is not allowed"),
    ],
)
def test_invalid_values_are_named_with_what_is_allowed(part, changes, message):
    config = replace(preset("groove", "smoke"), tasks="all_vrandlife")
    with pytest.raises(ConfigError) as caught:
        validate(changed(config, part, **changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exact_regret_needs_a_solver():
    config = replace(preset("groove", "smoke", "CartPole-v1"), score="exact_regret")
    with pytest.raises(ConfigError, match="score: 'exact_regret' is not allowed"):
        validate(config)


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
    config = preset("lpg", "smoke", tasks)
    assert config.agent.architecture == architecture
    validate(config)


def test_worlds_that_agents_cannot_act_in_are_refused():
    with pytest.raises(ConfigError, match="tasks: 'MNISTBandit-bsuite' is not allowed"):
        task_source("MNISTBandit-bsuite")
    with pytest.raises(ConfigError, match=r"tasks: 'Pendulum-v1' .* discrete actions"):
        validate(preset("lpg", "smoke", "Pendulum-v1"))
    validate(preset("lpo", "smoke", "Pendulum-v1"))


@pytest.mark.skipif(has_brax(), reason="brax is installed")
def test_worlds_of_brax_say_what_they_need():
    with pytest.raises(ConfigError, match=r"tasks: 'ant-brax' needs brax"):
        task_source("ant-brax")


def test_counts_of_updates_and_steps():
    config = changed(preset("groove", "smoke"), "meta", num_agents=4)
    config = changed(config, "life", num_workers=3, rollout_length=7)
    experiment = build(config)
    assert experiment.agent_updates_per_step == 4 * 5
    # Five rollouts and one for the meta-objective, and five of the antagonist.
    assert experiment.world_steps_per_step == 4 * 3 * 7 * 11


@pytest.mark.parametrize(
    ("backend", "precision", "is_allowed"),
    [
        ("cpu", "tf32", False),
        ("cpu", "float32", True),
        ("tpu", "bf16", True),
        ("gpu", "tf32", True),
    ],
)
def test_precisions_are_those_of_the_hardware(monkeypatch, backend, precision, is_allowed):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    config = preset("lpg", "smoke")
    config = replace(config, objective=replace(config.objective, precision=precision))
    if is_allowed:
        validate(config)
        return
    with pytest.raises(ConfigError, match=r"objective.precision: 'tf32' .* cpu has: float32"):
        validate(config)
