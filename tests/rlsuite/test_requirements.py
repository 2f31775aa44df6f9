"""Names that are values of fields: whoever reads one knows all that are allowed, and no other."""

import importlib
from dataclasses import dataclass, is_dataclass, replace
from pathlib import Path
from types import NoneType
from typing import Annotated, Literal, get_args, get_origin, get_type_hints

import flax.linen as nn
import gymnax
import jax
import jax.numpy as jnp
import pytest

import rlsuite
from rlsuite.agents import ActorCriticConfig, AgentConfig, make_actor_critic, make_agent
from rlsuite.curricula.buffer import BufferConfig, replay_log_weights
from rlsuite.curricula.chosen_set import LevelSetConfig
from rlsuite.drifts import LearnedDriftConfig, learned
from rlsuite.envs.gridworld import GridWorld
from rlsuite.envs.maze import Maze
from rlsuite.lifetime import Task
from rlsuite.meta.evolution_config import (
    EvolutionConfig,
    evolve_from_config,
    return_from_config,
)
from rlsuite.methods.bonuses import BonusAgentsConfig, BonusConfig
from rlsuite.methods.cheap_talk import TrainTimeConfig, act_train
from rlsuite.methods.cheap_talk_test_time import TestTimeConfig as ActTestConfig
from rlsuite.methods.cheap_talk_test_time import act_test
from rlsuite.methods.groove import GrooveConfig
from rlsuite.methods.lpg import MetaGradientLPGConfig, meta_gradient_lpg
from rlsuite.methods.lsd_bandits import LSDBanditsConfig, lsd_bandits
from rlsuite.methods.plr import PLRConfig
from rlsuite.methods.repeated_games import RepeatedGamesConfig, repeated_games
from rlsuite.methods.weighted_tallying_bandits import (
    WeightedTallyingBanditsConfig,
    weighted_tallying_bandits,
)
from rlsuite.networks import NetworkConfig, make_predictor
from rlsuite.objectives.learned_policy_gradient import LPGConfig, lpg
from rlsuite.objectives.objective import Clock, TimeConfig, known_time
from rlsuite.ranges import OneOf
from rlsuite.requirements import named, require_known
from rlsuite.students import StudentConfig, make_student

GRID = GridWorld(max_side=3, max_objects=1, max_types=1)
CARTPOLE, _ = gymnax.make("CartPole-v1")
PERCEPTRON = ActorCriticConfig("perceptron", (4,))


def on(world):
    """Tasks that are all the same."""
    return lambda key: Task(world.default_params, jnp.int32(3))


def init_student(config):
    return jax.eval_shape(make_student(Maze(5), config).init, jax.random.key(0))


def init_lpg(config):
    agent = make_agent(GRID, AgentConfig(), config.num_predictions)
    return jax.eval_shape(lpg(agent, config).init_parameters, jax.random.key(0))


def weigh(config):
    return replay_log_weights(jnp.zeros(3), jnp.zeros(3), jnp.ones(3, bool), config)


def make_evolution(config):
    fitness = return_from_config(None, config)
    return evolve_from_config(lambda key: jnp.zeros(2), lambda key: (), fitness, config)


READERS = {
    ActorCriticConfig: lambda config: make_actor_critic(
        GRID, config, policy_gain=1.0, value_gain=1.0
    ),
    AgentConfig: lambda config: make_agent(GRID, config),
    BonusAgentsConfig: lambda config: replace(config, networks=PERCEPTRON).life_in(CARTPOLE),
    BonusConfig: lambda config: BonusAgentsConfig(PERCEPTRON, bonus=config).life_in(CARTPOLE),
    BufferConfig: weigh,
    EvolutionConfig: make_evolution,
    GrooveConfig: lambda config: config.task_score(GRID, None),
    LPGConfig: init_lpg,
    LSDBanditsConfig: lsd_bandits,
    LearnedDriftConfig: learned,
    LevelSetConfig: lambda config: meta_gradient_lpg(
        GRID, on(GRID), MetaGradientLPGConfig(levels=replace(config, size=2))
    ),
    NetworkConfig: lambda config: make_predictor(GRID, 1, config),
    PLRConfig: lambda config: config.level_score(None),
    RepeatedGamesConfig: lambda config: repeated_games(config, 3),
    StudentConfig: init_student,
    ActTestConfig: lambda config: act_test(
        CARTPOLE, on(CARTPOLE), replace(config, networks=PERCEPTRON)
    ),
    TimeConfig: lambda config: known_time(Clock(jnp.array(1), jnp.array(2)), config),
    TrainTimeConfig: lambda config: act_train(
        CARTPOLE, on(CARTPOLE), replace(config, networks=PERCEPTRON)
    ),
    WeightedTallyingBanditsConfig: weighted_tallying_bandits,
}
"""For each config with names among its fields, a public function that reads them."""


def configs():
    """Every dataclass of the core; worlds and what touches the outside are links, not entered."""
    root = Path(rlsuite.__file__).parent
    for path in sorted(root.rglob("[!_]*.py")):
        module = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for found in vars(importlib.import_module(module)).values():
            is_own = isinstance(found, type) and found.__module__ == module
            if is_own and is_dataclass(found) and not issubclass(found, nn.Module):
                yield found


def names_in(hint):
    """The names that a field may have, and whether it has several; none where it has no names."""
    if get_origin(hint) is Annotated:
        choices = [one.choices for one in hint.__metadata__ if isinstance(one, OneOf)]
        return (choices[0], False) if choices else names_in(hint.__origin__)
    if get_origin(hint) is Literal:
        return get_args(hint), False
    if get_origin(hint) is tuple:
        return names_in(get_args(hint)[0])[0], True
    parts = [part for part in get_args(hint) if part is not NoneType]
    return names_in(parts[0]) if len(parts) == 1 else ((), False)


@dataclass(frozen=True)
class NamedField:
    config: type
    name: str
    choices: tuple[str, ...]
    is_tuple: bool

    def read(self, value):
        value = (value,) if self.is_tuple else value
        return READERS[self.config](replace(self.config(), **{self.name: value}))

    def __str__(self):
        return f"{self.config.__name__}.{self.name}"


def named_fields():
    for config in configs():
        hints = get_type_hints(config, include_extras=True)
        for name in config.__annotations__:
            choices, is_tuple = names_in(hints[name])
            if choices:
                yield NamedField(config, name, choices, is_tuple)


FIELDS = list(named_fields())
pytestmark = pytest.mark.usefixtures("nothing_checked")


def test_every_config_with_names_has_a_reader():
    assert {field.config for field in FIELDS} == set(READERS)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_an_unknown_name_is_refused_by_whoever_reads_it(field):
    with pytest.raises(ValueError, match=rf"\b{field.name}: 'unheard of' is unknown") as refused:
        field.read("unheard of")
    assert all(choice in str(refused.value) for choice in field.choices)


@pytest.mark.parametrize("field", FIELDS, ids=str)
def test_every_known_name_is_known_to_whoever_reads_it(field):
    for choice in field.choices:
        try:
            field.read(choice)
        except ValueError as error:
            # Some need what these readers haven't got, such as an optimal return.
            assert "unknown" not in str(error)


def test_what_a_name_stands_for_is_looked_up():
    assert named("shape", "round", {"square": 4, "round": 0}) == 0
    with pytest.raises(ValueError, match=r"^shape: 'Round' is unknown \(did you mean 'round'\?\);"):
        named("shape", "Round", {"square": 4, "round": 0})


def test_nothing_is_suggested_for_names_that_are_like_none():
    with pytest.raises(ValueError, match=r"^shape: 'xyz' is unknown; known: square, round$"):
        require_known("shape", "xyz", ("square", "round"))
