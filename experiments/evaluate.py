"""Meta-testing: fresh agents learn by a frozen objective on levels it has never seen."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from gymnax.environments.environment import Environment
from jaxtyping import Float
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from envs.gridworld.levels import TABULAR_LEVELS
from experiments.build import build
from experiments.compiling import jit
from experiments.configs import EvaluationConfig, LPGEvolutionRun, LPGRun
from experiments.errors import UserError
from experiments.level_sets import HELD_OUT_SEED, LevelSet, level_set, level_sets, take
from experiments.runner import abstract_state
from experiments.statistics import Estimate, bootstrap, interquartile_mean
from experiments.storage import Checkpoints, read_config, read_document, write_text
from experiments.tasks import TaskSource, task_source
from rlsuite.agents import AgentConfig
from rlsuite.lifetime import Life, Task
from rlsuite.objectives.a2c import A2CConfig, a2c
from rlsuite.objectives.lpg import LPGConfig, lpg
from rlsuite.objectives.objective import Objective, Parameters

# Neither training nor the meta-test draws from this key.
_TUNING_SEED = 1_602_01783

LearnedBy = Callable[[Environment, AgentConfig, Parameters], tuple[Objective, Parameters]]
"""From a world, an agent and a contender's parameters to an objective and the objective's own."""


class Contender(NamedTuple):
    """Something agents can learn by."""

    name: str
    learned_by: LearnedBy
    parameters: Parameters


def evaluate(
    directory: Path, against: Sequence[Path] = (), *, console: Console | None = None
) -> dict[str, Any]:
    """Meta-tests a run and prints the table; the figures go to `evaluation.json` in its folder.

    Agents start afresh on each level, learn for its whole lifetime by the frozen objective, and
    are then evaluated. Beside it stand the objectives of other runs, an untrained objective, and
    A2C tuned on levels of the training distribution. Returns are divided by the optimal ones
    where a solver knows them.

    Args:
      directory: the run.
      against: runs to compare with.
      console: where to print; the terminal by default.

    Returns:
      What `evaluation.json` holds.
    """
    console = console or _console()
    config = _config(directory)
    settings = config.evaluation
    sets = level_sets(config.tasks, settings)
    with _progress(console) as progress:
        progress.add_task("tuning A2C …", total=None)
        rate, entropy = _tune_a2c(config.tasks, settings)
        contenders = [
            _trained(directory, read_document(directory)["method"].upper()),
            *map(_trained, against, _rival_names(against)),
            _untrained(config.objective),
            Contender("A2C, tuned", _by_a2c, (jnp.float32(rate), jnp.float32(entropy))),
        ]
        results = {
            level_set.name: _meta_test(level_set, contenders, settings, progress)
            for level_set in sets
        }
    document = {
        "run": str(directory),
        "a2c": {"rate": rate, "entropy_coefficient": entropy},
        "sets": results,
    }
    write_text(directory / "evaluation.json", json.dumps(document, indent=1) + "\n")
    console.print(_table(document))
    for line in standings(document):
        console.print(line)
    return document


def _trained(directory: Path, name: str) -> Contender:
    config = _config(directory)
    with Checkpoints(directory) as checkpoints:
        state = checkpoints.restore(abstract_state(build(config).method))
    return Contender(name, _by_lpg(config.objective), state.parameters)


def _config(directory: Path) -> LPGRun | LPGEvolutionRun:
    config = read_config(directory)
    if not isinstance(config, LPGRun | LPGEvolutionRun):
        raise UserError(f"'{directory}' has learned nothing that a meta-test knows")
    return config


def _rival_names(directories: Sequence[Path]) -> list[str]:
    """What other runs are called in a result: by their folders, but for a lone run of LPG."""
    methods = [read_document(directory)["method"] for directory in directories]
    if methods == ["lpg"]:
        return ["LPG, random levels"]
    pairs = zip(methods, directories, strict=True)
    return [f"{method.upper()} ({directory})" for method, directory in pairs]


def _untrained(config: LPGConfig) -> Contender:
    learned_by = _by_lpg(config)
    source = task_source(TABULAR_LEVELS[0])
    objective, _ = learned_by(source.world, source.agent, None)
    parameters = objective.init_parameters(jax.random.key(_TUNING_SEED))
    return Contender("untrained objective", learned_by, parameters)


@cache
def _by_lpg(config: LPGConfig) -> LearnedBy:
    # A meta-test is float32 whatever the training was, so that any machine can make it.
    config = replace(config, precision="float32")
    return lambda world, agent, parameters: (lpg(world, agent, config), parameters)


def _by_a2c(
    world: Environment, agent: AgentConfig, parameters: Parameters
) -> tuple[Objective, Parameters]:
    """A2C whose learning rates and entropy coefficient may be traced, to be tuned at once."""
    rate, entropy = parameters
    agent = replace(
        agent,
        policy_learning_rate=agent.policy_learning_rate * rate,
        prediction_learning_rate=agent.prediction_learning_rate * rate,
    )
    return a2c(world, agent, A2CConfig(entropy_coefficient=entropy)), ()


@cache
def _final_return(
    world: Environment, agent: AgentConfig, learned_by: LearnedBy, settings: EvaluationConfig
):
    """Compiled: the returns of a batch of agents after their lifetimes.

    Level sets in equal worlds share the program.
    """

    def final_return(parameters, key, task):
        objective, parameters = learned_by(world, agent, parameters)
        life = Life(world, objective, settings.num_workers, settings.rollout_length)
        life_key, episode_key = jax.random.split(key)
        trained = life.whole(life_key, parameters, task)
        return life.mean_return(episode_key, trained, task.level, settings.num_episodes)

    return jit(jax.vmap(final_return, in_axes=(None, 0, 0)))


def _final_returns(
    source: TaskSource,
    tasks: Task,
    learned_by: LearnedBy,
    parameters: Parameters,
    settings: EvaluationConfig,
    *,
    seed: int,
) -> Float[np.ndarray, "level seed"]:
    """Final returns of `num_seeds` fresh agents on each level, `num_agents` at a time."""
    num_levels = tasks.lifetime.shape[0]
    total = num_levels * settings.num_seeds
    keys = jax.random.split(jax.random.key(seed), total)
    live = _final_return(source.world, source.agent, learned_by, settings)
    returns = []
    for start in range(0, total, settings.num_agents):
        # The last batch is filled up with agents that were there before: one shape, one program.
        agents = np.arange(start, start + settings.num_agents) % total
        batch = take(tasks, agents // settings.num_seeds)
        returns.append(np.asarray(live(parameters, keys[agents], batch)))
    return np.concatenate(returns)[:total].reshape(num_levels, settings.num_seeds)


def _tune_a2c(tasks: str, settings: EvaluationConfig) -> tuple[float, float]:
    """The learning-rate factor and entropy coefficient that do best on training levels."""
    levels = level_set("tuning", (tasks,), tasks, settings.num_levels, settings, _TUNING_SEED)

    def quality(parameters):
        rate, entropy = parameters
        returns = _final_returns(
            levels.source,
            levels.tasks,
            _by_a2c,
            (jnp.float32(rate), jnp.float32(entropy)),
            settings,
            seed=_TUNING_SEED,
        )
        return float(interquartile_mean(levels.normalised(returns)))

    grid = [(rate, entropy) for rate in settings.a2c_rates for entropy in settings.a2c_entropies]
    return max(grid, key=quality)


def _meta_test(
    level_set: LevelSet,
    contenders: Sequence[Contender],
    settings: EvaluationConfig,
    progress: Progress,
) -> dict[str, Any]:
    strata = np.unique(level_set.strata, return_inverse=True)[1]
    returns, estimates = {}, {}
    for name, learned_by, parameters in contenders:
        bar = progress.add_task(f"{level_set.name}: {name} …", total=None)
        result = _final_returns(
            level_set.source,
            level_set.tasks,
            learned_by,
            parameters,
            settings,
            seed=HELD_OUT_SEED,
        )
        progress.update(bar, total=1, completed=1)
        returns[name] = result.tolist()
        estimates[name] = bootstrap(level_set.normalised(result)[None], strata)._asdict()
    optimal = level_set.optimal
    return {
        "levels": level_set.strata,
        "optimal": None if optimal is None else optimal.tolist(),
        "returns": returns,
        "estimates": estimates,
    }


def standings(document: dict[str, Any]) -> list[str]:
    """One sentence per level set: where the run stands against each of the others."""
    lines = []
    for name, result in document["sets"].items():
        estimates = {who: Estimate(**value) for who, value in result["estimates"].items()}
        (own_name, own), *others = estimates.items()
        verdicts = [f"{_compare(own, other)} {who}" for who, other in others]
        lines.append(f"{name}: {own_name} is {', '.join(verdicts)}.")
    return lines


def _compare(own: Estimate, other: Estimate) -> str:
    if own.low > other.high:
        return "above"
    return "below" if own.high < other.low else "level with (intervals overlap)"


def _table(document: dict[str, Any]) -> Table:
    sets = document["sets"]
    normalised = all(result["optimal"] is not None for result in sets.values())
    unit = "fraction of the optimal return" if normalised else "return (fraction of the optimal)"
    table = Table(title=f"Meta-test: {unit}, interquartile mean [95 % interval]")
    table.add_column("learned by")
    for name, result in sets.items():
        count = len(result["levels"])
        table.add_column(f"{name}\n{count} levels", justify="right")
    for contender in next(iter(sets.values()))["estimates"]:
        estimates = [Estimate(**result["estimates"][contender]) for result in sets.values()]
        table.add_row(contender, *map(str, estimates))
    table.add_row("optimal", *("1.00" if r["optimal"] else "not known" for r in sets.values()))
    return table


def _console() -> Console:
    """The terminal; a log or a pipe gets lines wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)
