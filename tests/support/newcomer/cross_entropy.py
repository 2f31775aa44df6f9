r"""A method of one's own: the cross-entropy method over linear policies (arXiv 1909.12830, 2.1).

Policies are drawn from :math:`\mathcal N(\mu, \mathrm{diag}\, \sigma^2)`; mean and scale then move
to those of the policies with the highest returns.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import distrax
import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments import spaces
from gymnax.environments.environment import Environment
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

# Importing the world registers it, here and when the run is resumed.
import newcomer.harbour  # noqa: F401
import rlsuite
from rlsuite.experiments.errors import ConfigError, UserError
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.plot_style import save, style
from rlsuite.experiments.specs import (
    Drawing,
    Experiment,
    MethodSpec,
    Run,
    Section,
    Watch,
    WorldSpec,
    required,
)
from rlsuite.lifetime import Task
from rlsuite.method import Method
from rlsuite.ranges import Count, Fraction, NotNegative, Positive
from rlsuite.rollout import Policy, episode_returns, memoryless

# The method: pure functions, which know nothing of commands and folders.


@dataclass(frozen=True)
class CrossEntropyConfig:
    """How policies are drawn and chosen.

    Attributes:
      population_size: policies drawn in each step.
      elite_fraction: of them, how many the next mean and scale are taken from.
      num_episodes: behind each policy's return.
      initial_scale: standard deviation of weights at the start.
      extra_scale: standard deviation that is added in each step, against settling too early.
    """

    population_size: Count = 64
    elite_fraction: Fraction = 0.25
    num_episodes: Count = 8
    initial_scale: Positive = 1.0
    extra_scale: NotNegative = 0.02

    @property
    def num_elites(self) -> int:
        """How many policies are chosen."""
        return round(self.elite_fraction * self.population_size)


class CrossEntropyState(NamedTuple):
    """All that changes: the distribution of policies, and the key of what is still to be drawn."""

    mean: Float[Array, " weight"]
    scale: Float[Array, " weight"]
    key: PRNGKeyArray


def linear_policy(world: Environment, weights: Float[Array, " weight"]) -> Policy:
    """Acts by a linear function of the observation: its greatest output, or its outputs in a box.

    Args:
      world: gives the shapes of observations and actions.
      weights: one row for each entry of an observation and one more, the bias.
    """
    num_outputs, is_discrete = world.num_actions, isinstance(world.action_space(), spaces.Discrete)

    def act(observation):
        observation = observation.reshape(observation.shape[0], -1)
        matrix = weights.reshape(-1, num_outputs)
        outputs = observation @ matrix[:-1] + matrix[-1]
        return distrax.Deterministic(outputs.argmax(-1) if is_discrete else outputs)

    return memoryless(act)


def num_weights(world: Environment) -> int:
    """Of a linear policy for a world."""
    inputs = int(np.prod(world.observation_space(world.default_params).shape))
    return (inputs + 1) * world.num_actions


def cross_entropy(
    world: Environment, sample_task: Callable[[PRNGKeyArray], Task], config: CrossEntropyConfig
) -> Method:
    """The cross-entropy method on a world; each step draws one task for all policies.

    Raises:
      ValueError: if no policy would be chosen.
    """
    if config.num_elites < 1:
        raise ValueError(
            f"elite_fraction: {config.elite_fraction} is not allowed; it must be at least 1 / "
            f"population_size, {1 / config.population_size:.3g}"
        )

    def init(key):
        mean = jnp.zeros(num_weights(world))
        return CrossEntropyState(mean, jnp.full_like(mean, config.initial_scale), key)

    def step(state):
        key, task_key, weights_key, episode_key = jax.random.split(state.key, 4)
        level = sample_task(task_key).level
        noise = jax.random.normal(weights_key, (config.population_size, *state.mean.shape))
        weights = state.mean + state.scale * noise

        def mean_return(weights):
            # One key for all: what tells policies apart is not where their episodes start.
            policy = linear_policy(world, weights)
            return episode_returns(episode_key, world, level, policy, config.num_episodes).mean()

        returns = jax.vmap(mean_return)(weights)
        elite_returns, elites = jax.lax.top_k(returns, config.num_elites)
        chosen = weights[elites]
        scale = chosen.std(axis=0) + config.extra_scale
        metrics = {
            "mean_return": returns.mean(),
            "elite_return": elite_returns.mean(),
            "scale": scale.mean(),
        }
        return CrossEntropyState(chosen.mean(axis=0), scale, key), metrics

    return Method(init, step)


# The spec: what the command knows of the method.


@dataclass(frozen=True)
class CrossEntropyEvaluationConfig:
    """How a policy is tested.

    Attributes:
      num_seeds: returns of each policy.
      num_episodes: behind each return.
    """

    num_seeds: Count = 16
    num_episodes: Count = 32


def smoke(world: WorldSpec | None) -> Run:
    """Seconds: shows that all of it works."""
    return Run(
        steps=4,
        tasks="Harbour-v0" if world is None else world.name,
        log_every=2,
        checkpoint_every=2,
        method=CrossEntropyConfig(population_size=8, num_episodes=2),
        evaluation=CrossEntropyEvaluationConfig(num_seeds=2, num_episodes=4),
    )


def laptop(world: WorldSpec | None) -> Run:
    """Learns the harbour, in some seconds."""
    return Run(
        steps=30,
        tasks="Harbour-v0" if world is None else world.name,
        log_every=2,
        checkpoint_every=10,
        method=CrossEntropyConfig(),
        evaluation=CrossEntropyEvaluationConfig(),
    )


def build(run: Run, world: WorldSpec | None) -> Experiment:
    """What a configuration describes. A ValueError that names a field is one line for the user."""
    config, world = run.method, required(world)
    if not isinstance(world.world.observation_space(world.world.default_params), spaces.Box):
        raise ConfigError(
            f"tasks: {world.name} is not allowed; its observations must be boxes of numbers"
        )
    longest = int(world.sample_task(jax.random.key(0)).level.max_steps_in_episode)
    return Experiment(
        method=cross_entropy(world.world, world.sample_task, config),
        agent_updates_per_step=1,
        world_steps_per_step=config.population_size * config.num_episodes * longest,
        headline=("mean_return",),
    )


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """The mean policy of a run beside those of others, and one that does nothing."""
    for rival in rivals:
        if rival.run.tasks != finished.run.tasks:
            raise UserError(f"'{rival.directory}' was trained on other tasks, {rival.run.tasks}")
    world, settings = required(finished.world), finished.run.evaluation
    contenders = [
        (Contender(finished.title, "own"), finished.learned),
        *(
            (Contender(f"{rival.title} ({rival.directory})", "rival"), rival.learned)
            for rival in rivals
        ),
        (Contender("no policy", "baseline"), jnp.zeros_like(finished.learned)),
    ]
    level = world.sample_task(jax.random.key(0)).level

    @rlsuite.jit
    def returns(weights):
        policy = linear_policy(world.world, weights)
        keys = jax.random.split(jax.random.key(1), settings.num_seeds)
        return jax.vmap(
            lambda key: episode_returns(
                key, world.world, level, policy, settings.num_episodes
            ).mean()
        )(keys)

    done = watch.begin("returns of all policies")
    results = {contender.name: np.asarray(returns(w))[None] for contender, w in contenders}
    done()
    table = Table(world.name, unit="return", results=results, strata=[world.name])
    return Evaluation([contender for contender, _ in contenders], [table])


def pictures(finished: Finished, evaluation: Evaluation | None) -> Sequence[Section]:
    """The weights of the mean policy."""
    del evaluation

    def draw(path: Path) -> None:
        figure = Figure(figsize=(4.2, 2.9), layout="constrained")
        axis = figure.subplots()
        axis.bar(range(finished.learned.size), finished.learned)
        style(axis, "weights of the mean policy, the bias last")
        save(figure, path)

    drawing = Drawing("weights.png", "Weights of the mean policy", draw)
    return [Section("What was learned", [drawing])]


SPEC = MethodSpec(
    name="cross-entropy",
    kind="linear policy",
    summary="linear policies, drawn anew around the best of them",
    paper=None,
    presets={"smoke": smoke, "laptop": laptop},
    build=build,
    test=test,
    pictures=pictures,
    learned=lambda state: state.mean,
    panels={"mean_return": "mean return", "elite_return": "return of the elite"},
)
