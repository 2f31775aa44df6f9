"""The test of adversarial cheap talk: fresh victims under what was learned, and under controls."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, PyTree

from rlsuite.compiling import jit
from rlsuite.envs.flattening import is_array
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.evaluation import Contender, Curve, Curves, Evaluation, Table
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.meta_test import UPDATES_SHOWN
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Watch
from rlsuite.experiments.statistics import bootstrap
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


def channel_test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Fresh victims under the channel of a run, beside those of others and beside controls.

    Their returns at the end of their lives and over them, their learning curves, and what the
    channel says.

    Raises:
      UserError: if one of the other runs is of another world.
    """
    _require_same_world(finished, rivals)
    watch.expect(1 + len(rivals) + len(_CONTROLS))
    own = Contender("learned channel", "own")
    raised = {own: _raise(finished, "learned", watch)}
    for rival in rivals:
        contender = Contender(f"channel of {rival.directory}", "rival")
        raised[contender] = _raise(rival, "learned", watch)
    for name, talk in _CONTROLS.items():
        raised[Contender(name, "baseline")] = _raise(finished, talk, watch)
    finals = {who.name: np.asarray(victims.final_returns) for who, victims in raised.items()}
    curves = {who.name: np.asarray(victims.curves) for who, victims in raised.items()}
    tables = [_table(finished.named_world.name, finals)]
    # Lives that are shorter than an episode have no return to average.
    if all(np.isfinite(curve).any(axis=1).all() for curve in curves.values()):
        lives = {name: np.nanmean(curve, axis=1) for name, curve in curves.items()}
        tables.append(_table(finished.named_world.name + OVER_LIFE, lives))
    return Evaluation(
        contenders=list(raised),
        tables=tables,
        curves=[
            Curves(
                name="Returns of victims over their lives",
                x_label="update of the victim",
                y_label="return of victims",
                lines={name: _curve(curve) for name, curve in curves.items()},
            )
        ],
        notes=what_was_gained(curves["no channel"], finals["no channel"]),
        extras={"messages": _slices(finished, raised[own])},
    )


def what_was_gained(
    curve: Float[np.ndarray, "victim update"], final: Float[np.ndarray, " victim"]
) -> list[str]:
    """What victims have learned by themselves, which is all that a channel can spoil."""
    started = np.flatnonzero(np.isfinite(curve).all(axis=0))
    if not started.size:
        return []
    first = started[0]
    return [
        f"Without a channel victims return {final.mean():.2f} after {curve.shape[1]} updates, and "
        f"{curve[:, first].mean():.2f} in update {first + 1}, the first by which all of them had "
        "ended an episode."
    ]


def shaper_test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """Fresh victims shaped and then steered as a run has learned to, beside a random shaper.

    What the goals paid and what the victims' own world did, and goals asked for and reached.

    Raises:
      UserError: as `channel_test`.
    """
    _require_same_world(finished, rivals)
    watch.expect(2 + len(rivals))
    attacked = {Contender("learned shaper", "own"): _attack(finished, "learned", watch)}
    for rival in rivals:
        contender = Contender(f"shaper of {rival.directory}", "rival")
        attacked[contender] = _attack(rival, "learned", watch)
    attacked[Contender("random shaper", "baseline")] = _attack(finished, "random", watch)
    world = finished.named_world.name
    goal = {who.name: np.mean(found.goal_return, axis=1) for who, found in attacked.items()}
    own = {who.name: np.mean(found.own_return, axis=1) for who, found in attacked.items()}
    return Evaluation(
        contenders=list(attacked),
        tables=[
            _table(f"{world}, goal", goal, "return of the goal"),
            _table(f"{world}, own reward", own, "return of the victim's own world"),
        ],
        extras={
            "goals": {
                who.name: {
                    part: getattr(episodes, part)
                    .reshape(-1, episodes.goal.shape[-1])[:EPISODES_SHOWN]
                    .tolist()
                    for part in ("goal", "reached")
                }
                for who, episodes in attacked.items()
            }
        },
    )


def _require_same_world(finished: Finished, rivals: Sequence[Finished]) -> None:
    for rival in rivals:
        if rival.run.tasks != finished.run.tasks:
            raise UserError(
                f"'{rival.directory}' is of another world, {rival.run.tasks}, than "
                f"{finished.run.tasks}"
            )


def _raise(finished: Finished, talk: Talk, watch: Watch) -> Victims:
    return _outcomes(finished, raise_victims, talk, watch)


def _attack(finished: Finished, shaper: ShaperName, watch: Watch) -> GoalEpisodes:
    num_episodes = finished.run.evaluation.num_episodes
    return _outcomes(finished, attack_victims, shaper, watch, num_episodes=num_episodes)


def _outcomes(
    finished: Finished, make: Callable[..., Callable], kind: str, watch: Watch, **sizes: int
) -> Any:
    """What becomes of all victims as NumPy arrays, `num_agents` of them side by side."""
    done = watch.begin(f"victims: {kind}")
    settings, world = finished.run.evaluation, finished.world
    assert world is not None
    program = jit(
        make(
            world.world,
            _with_episodes(finished),
            kind,
            level=world.sample_task(jax.random.key(0)).level,
            num_victims=settings.num_agents,
            num_updates=world.lifetime_range[1],
            **sizes,
        )
    )
    key = role_key("victims")
    batches = [
        jax.device_get(_plain(program(jax.random.fold_in(key, start), finished.learned)))
        for start in range(0, settings.num_seeds, settings.num_agents)
    ]
    done()
    return jax.tree.map(lambda *leaves: np.concatenate(leaves)[: settings.num_seeds], *batches)


def _table(
    name: str, results: dict[str, Float[np.ndarray, " victim"]], unit: str = "return"
) -> Table:
    return Table(
        name=name,
        unit=unit,
        results={who: values[None] for who, values in results.items()},
        strata=[name],
    )


def _with_episodes(finished: Finished) -> Any:
    """What the method takes, but with as many episodes as the evaluation asks for."""
    method, num_episodes = finished.run.method, finished.run.evaluation.num_episodes
    return replace(method, meta=replace(method.meta, num_episodes=num_episodes))


def _plain(raised: PyTree) -> PyTree:
    """Without PRNG keys, which NumPy has no type for."""
    return jax.tree.map(
        lambda leaf: (
            jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf
        ),
        raised,
    )


def _curve(curves: Float[np.ndarray, "victim update"]) -> Curve:
    """Estimates after evenly spread updates, from the first after which all have a return."""
    started = np.flatnonzero(np.isfinite(curves).all(axis=0))
    shown = np.unique(np.linspace(0, started.size - 1, UPDATES_SHOWN).round().astype(int))
    updates = started[shown] if started.size else started
    estimates = [bootstrap(curves[None, None, :, update], np.zeros(1, int)) for update in updates]
    return Curve(
        (updates + 1).tolist(),
        [estimate.value for estimate in estimates],
        [estimate.low for estimate in estimates],
        [estimate.high for estimate in estimates],
    )


def _slices(finished: Finished, victims: Victims) -> list[dict[str, Any]]:
    """What a channel says as one input varies, the others at their means over what victims saw.

    Of many inputs, those that vary most are shown.
    """
    world = finished.named_world.world
    space = world.observation_space(world.default_params)
    seen = victims.agents.learner.observations
    if seen.mean.ndim < 2 or not is_array(space):
        return []
    shape = tuple(space.shape)
    size = int(np.prod(shape))
    mean = seen.mean.mean(0)[:size]
    deviation = np.sqrt(seen.variance.mean(0)[:size])
    weights = finished.learned
    slices = []
    for index in sorted(np.argsort(-deviation, kind="stable")[:INPUTS_SHOWN].tolist()):
        values = mean[index] + deviation[index] * np.linspace(-2, 2, 81)
        states = np.repeat(mean[None], values.size, axis=0)
        states[:, index] = values
        observations = jnp.asarray(states.reshape(-1, *shape), jnp.float32)
        said = messages(world, finished.run.method.channel, weights, observations)
        slices.append(
            {"input": index, "values": values.tolist(), "messages": np.asarray(said).T.tolist()}
        )
    return slices
