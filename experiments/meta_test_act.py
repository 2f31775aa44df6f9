"""The test of adversarial cheap talk: fresh victims under what was learned, and under controls."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree
from rich.progress import Progress

from rlsuite.experiments.build import build
from rlsuite.experiments.compiling import jit
from rlsuite.experiments.configs import ACTRun, ACTTestRun, ACTTrainRun
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.level_sets import HELD_OUT_SEED
from rlsuite.experiments.meta_test import UPDATES_SHOWN
from rlsuite.experiments.runner import last_state
from rlsuite.experiments.statistics import bootstrap
from rlsuite.experiments.storage import read_config
from rlsuite.experiments.tasks import task_source
from rlsuite.methods.cheap_talk import Talk, Victims, messages, raise_victims
from rlsuite.methods.cheap_talk_test_time import GoalEpisodes, ShaperName, attack_victims

OVER_LIFE = " over the life"
EPISODES_SHOWN = 400
INPUTS_SHOWN = 8
_CONTROLS: dict[str, Talk] = {
    "no channel": "none",
    "zero messages": "zeros",
    "random channels": "random",
}


def channel_test(directory: Path, against: Sequence[Path], progress: Progress) -> dict[str, Any]:
    """Fresh victims under the channel of a run, beside those of others and beside controls.

    Returns:
      As `evaluation.json` holds it: their returns at the end of their lives and over them, their
      learning curves, and what the channel says.

    Raises:
      UserError: if one of the other runs has learned something of another kind, or in another
        world.
    """
    config = _config(directory, ACTTrainRun)
    raised = {"learned channel": _raise(directory, config, "learned", progress)}
    for rival in against:
        rival_config = _config(rival, ACTTrainRun)
        _require_same_world(rival, rival_config, config)
        raised[f"channel of {rival}"] = _raise(rival, rival_config, "learned", progress)
    for name, talk in _CONTROLS.items():
        raised[name] = _raise(directory, config, talk, progress)
    finals = {name: np.asarray(victims.final_returns) for name, victims in raised.items()}
    curves = {name: np.asarray(victims.curves) for name, victims in raised.items()}
    sets = {config.tasks: _estimated(config.tasks, finals)}
    # Lives that are shorter than an episode have no return to average.
    if all(np.isfinite(curve).any(axis=1).all() for curve in curves.values()):
        lives = {name: np.nanmean(curve, axis=1) for name, curve in curves.items()}
        sets[config.tasks + OVER_LIFE] = _estimated(config.tasks, lives)
    return {
        "sets": sets,
        "curves": {name: _curve(curve) for name, curve in curves.items()},
        "messages": _slices(directory, config, raised["learned channel"]),
    }


def shaper_test(directory: Path, against: Sequence[Path], progress: Progress) -> dict[str, Any]:
    """Fresh victims shaped and then steered as a run has learned to, beside a random shaper.

    Returns:
      As `evaluation.json` holds it: what the goals paid and what the victims' own world did, and
      goals asked for and reached.

    Raises:
      UserError: as `channel_test`.
    """
    config = _config(directory, ACTTestRun)
    attacked = {"learned shaper": _attack(directory, config, "learned", progress)}
    for rival in against:
        rival_config = _config(rival, ACTTestRun)
        _require_same_world(rival, rival_config, config)
        attacked[f"shaper of {rival}"] = _attack(rival, rival_config, "learned", progress)
    attacked["random shaper"] = _attack(directory, config, "random", progress)
    goal = {name: np.mean(episodes.goal_return, axis=1) for name, episodes in attacked.items()}
    own = {name: np.mean(episodes.own_return, axis=1) for name, episodes in attacked.items()}
    return {
        "sets": {
            f"{config.tasks}, goal": _estimated(config.tasks, goal),
            f"{config.tasks}, own reward": _estimated(config.tasks, own),
        },
        "goals": {
            name: {
                part: getattr(episodes, part)
                .reshape(-1, episodes.goal.shape[-1])[:EPISODES_SHOWN]
                .tolist()
                for part in ("goal", "reached")
            }
            for name, episodes in attacked.items()
        },
    }


def _config(directory: Path, config_type: type[Any]) -> Any:
    config = read_config(directory)
    if not isinstance(config, config_type):
        raise UserError(f"'{directory}' has not learned an attack of this kind")
    return config


def _require_same_world(directory: Path, config: ACTRun, own: ACTRun) -> None:
    if config.tasks != own.tasks:
        raise UserError(f"'{directory}' is of another world, {config.tasks}, than {own.tasks}")


def _raise(directory: Path, config: ACTTrainRun, talk: Talk, progress: Progress) -> Victims:
    return _outcomes(directory, config, raise_victims, talk, progress)


def _attack(
    directory: Path, config: ACTTestRun, shaper: ShaperName, progress: Progress
) -> GoalEpisodes:
    num_episodes = config.evaluation.num_episodes
    return _outcomes(directory, config, attack_victims, shaper, progress, num_episodes=num_episodes)


def _outcomes(
    directory: Path,
    config: ACTRun,
    make: Callable[..., Callable],
    kind: str,
    progress: Progress,
    **sizes: int,
) -> Any:
    """What becomes of all victims as NumPy arrays, `num_agents` of them side by side."""
    bar = progress.add_task(f"victims: {kind} …", total=None)
    settings, source = config.evaluation, task_source(config.tasks)
    program = jit(
        make(
            source.world,
            _with_episodes(config),
            kind,
            level=source.sample_task(jax.random.key(0)).level,
            num_victims=settings.num_agents,
            num_updates=config.lifetimes(source)[1],
            **sizes,
        )
    )
    parameters = last_state(directory, build(config).method).parameters
    key = jax.random.key(HELD_OUT_SEED)
    batches = [
        jax.device_get(_plain(program(jax.random.fold_in(key, start), parameters)))
        for start in range(0, settings.num_seeds, settings.num_agents)
    ]
    progress.update(bar, total=1, completed=1)
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: settings.num_seeds], *batches)


def _with_episodes(config: ACTRun) -> Any:
    """What the method takes, but with as many episodes as the evaluation asks for."""
    meta = replace(config.meta, num_episodes=config.evaluation.num_episodes)
    return replace(config.parts, meta=meta)


def _plain(raised: PyTree) -> PyTree:
    """Without PRNG keys, which NumPy has no type for."""
    return jax.tree.map(
        lambda leaf: (
            jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        ),
        raised,
    )


def _estimated(world: str, returns: dict[str, Float[np.ndarray, " victim"]]) -> dict[str, Any]:
    only = np.zeros(1, int)
    return {
        "levels": [world],
        "optimal": None,
        "returns": {name: [values.tolist()] for name, values in returns.items()},
        "estimates": {
            name: bootstrap(values[None, None], only)._asdict() for name, values in returns.items()
        },
    }


def _curve(curves: Float[np.ndarray, "victim update"]) -> dict[str, list[Any]]:
    """Estimates after evenly spread updates, from the first after which all have a return."""
    started = np.flatnonzero(np.isfinite(curves).all(axis=0))
    shown = np.unique(np.linspace(0, started.size - 1, UPDATES_SHOWN).round().astype(int))
    updates = started[shown] if started.size else started
    estimates = [bootstrap(curves[None, None, :, update], np.zeros(1, int)) for update in updates]
    return {
        "update": (updates + 1).tolist(),
        "value": [estimate.value for estimate in estimates],
        "low": [estimate.low for estimate in estimates],
        "high": [estimate.high for estimate in estimates],
    }


def _slices(directory: Path, config: ACTTrainRun, victims: Victims) -> list[dict[str, Any]]:
    """What a channel says as one input varies, the others at their means over what victims saw.

    Of many inputs, those that vary most are shown.
    """
    world = task_source(config.tasks).world
    shape = world.observation_space(world.default_params).shape
    size = int(np.prod(shape))
    seen = victims.agents.learner.observations
    if seen.mean.ndim < 2:
        return []
    mean = seen.mean.mean(0)[:size]
    deviation = np.sqrt(seen.variance.mean(0)[:size])
    weights = last_state(directory, build(config).method).parameters
    slices = []
    for index in sorted(np.argsort(-deviation, kind="stable")[:INPUTS_SHOWN].tolist()):
        values = mean[index] + deviation[index] * np.linspace(-2, 2, 81)
        states = np.repeat(mean[None], values.size, axis=0)
        states[:, index] = values
        said = messages(
            world, config.channel, weights, jnp.asarray(states.reshape(-1, *shape), jnp.float32)
        )
        slices.append(
            {"input": index, "values": values.tolist(), "messages": np.asarray(said).T.tolist()}
        )
    return slices
