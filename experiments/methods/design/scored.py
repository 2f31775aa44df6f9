"""What scores of levels have to do with how often a student solves them, while it learns."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple, get_args

import jax
import numpy as np
import scipy
from jaxtyping import Array, Float, PRNGKeyArray

from rlsuite.compiling import jit
from rlsuite.curricula.designer import draw_tasks
from rlsuite.curricula.level_replay import score_each
from rlsuite.designing import act_on, episodes_of
from rlsuite.experiments import plots
from rlsuite.experiments.evaluation import Curve, Curves
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.design.attempts import life_of
from rlsuite.experiments.methods.design.risk import curve_over
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Drawing, Section
from rlsuite.experiments.statistics import Estimate, Resampled, rank_correlation
from rlsuite.experiments.words import table_in_markdown
from rlsuite.lifetime import Life, Task
from rlsuite.methods.dr import StudentsConfig
from rlsuite.methods.plr import LevelScoreName, PLRConfig
from rlsuite.objectives.objective import Learner
from rlsuite.rollout import episode_returns
from rlsuite.scores import Score, evidence_of

TARGETS: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "p": lambda p: p,
    "p (1 - p)": lambda p: p * (1 - p),
}
"""What scores are set beside: the solve rate of a level, and what there is to learn on it."""

_AT_ONCE = 100
_NUM_RESAMPLES = 200


class Scored(NamedTuple):
    """Random levels: how often a student solves each, and what each score makes of it."""

    solved: Float[np.ndarray, " level"]
    scores: Mapping[str, Float[np.ndarray, " level"]]


def scores_beside_rates(finished: Finished, num_levels: int, num_attempts: int) -> dict[str, Any]:
    """Of each checkpoint that is kept, rank correlations of scores with solve rates.

    A level is scored by one rollout, as when a designer sees it for the first time, and its solve
    rate is that of other attempts.

    Returns:
      In terms of JSON: `steps`; by target of `TARGETS` and score, `[value, low, high]` at each of
      them; and `ranks`, by score, its mean rank over the solve rate at the last, as a `Curve`.
    """
    learned = finished.spec.learned
    assert learned is not None
    program = jit(_program(finished, num_levels, num_attempts))
    found = {step: Scored(*program(learned(state))) for step, state in finished.states()}
    moments = [jax.tree.map(np.asarray, scored) for scored in found.values()]
    names = list(moments[-1].scores)
    return {
        "steps": list(found),
        "number": num_levels,
        **{
            target: {
                name: [correlation(one.scores[name], of(one.solved)) for one in moments]
                for name in names
            }
            for target, of in TARGETS.items()
        },
        "ranks": {name: ranks_over_rates(moments[-1], name)._asdict() for name in names},
    }


def _program(
    finished: Finished, num_levels: int, num_attempts: int
) -> Callable[[Learner], tuple[Array, dict[str, Array]]]:
    """`learner -> (solve rates, scores)` of levels that are the same for all learners."""
    world, config = finished.named_world, finished.run.method
    batch = min(_AT_ONCE, num_levels)
    life = life_of(finished, world.world)._replace(num_workers=batch)
    scores = _scores(config, world.optimal_return)
    draw_key, act_key = jax.random.split(role_key("levels to score"))

    def of_batch(learner: Learner, keys: tuple[PRNGKeyArray, PRNGKeyArray]):
        task = draw_tasks(keys[0], world.sample_task, batch)
        score_key, attempt_key = jax.random.split(keys[1])
        attempts = jax.random.split(attempt_key, batch)
        policy = life.objective.behaviour(learner)

        def rate(key, level):
            returns = episode_returns(key, world.world, level, policy, num_attempts)
            return (returns > 0).mean()

        scored = _first_visit(score_key, life, config, learner, task, scores)
        return jax.vmap(rate)(attempts, task.level), scored

    def program(learner):
        number = -(-num_levels // batch)
        keys = tuple(jax.random.split(key, number) for key in (draw_key, act_key))
        found = jax.lax.map(partial(of_batch, learner), keys)
        return jax.tree.map(lambda leaf: leaf.reshape(-1)[:num_levels], found)

    return program


def _scores(config: StudentsConfig, optimal_return: Any) -> dict[str, Score]:
    """All scores that the world can give, by name."""
    return {
        name.replace("_", " "): PLRConfig(ppo=config.ppo, score=name).level_score(optimal_return)
        for name in get_args(LevelScoreName)
        if name != "exact_regret" or optimal_return is not None
    }


def _first_visit(
    key: PRNGKeyArray,
    life: Life,
    config: StudentsConfig,
    learner: Learner,
    task: Task,
    scores: Mapping[str, Score],
) -> dict[str, Float[Array, " level"]]:
    """What each score makes of levels by one rollout on each."""
    act_key, init_key, value_key = jax.random.split(key, 3)
    experience = act_on(act_key, life, learner, task.level)
    evidence = evidence_of(
        life.objective,
        learner,
        experience,
        discount=config.ppo.discount,
        gae_lambda=config.ppo.gae_lambda,
    )
    returns = episodes_of(experience).worker_return
    keys = jax.random.split(init_key, life.num_workers)

    def of(score: Score):
        remembered = jax.vmap(score.init)(keys, task)
        return score_each(value_key, score, remembered, task, evidence, returns)[1]

    return {name: of(score) for name, score in scores.items()}


def correlation(score: np.ndarray, target: np.ndarray) -> list[float]:
    """Spearman's rank correlation with its 95 % bootstrap interval over levels.

    What is no number, as scores of rollouts shorter than an episode may be, comes below all others,
    as where levels are replayed.
    """
    score = _comparable(score)
    random = np.random.default_rng(0)
    drawn = random.integers(len(score), size=(_NUM_RESAMPLES, len(score)))
    resampled = rank_correlation(score[drawn], target[drawn])
    return list(Resampled(float(rank_correlation(score, target)), resampled).estimate)


def _comparable(score: np.ndarray) -> np.ndarray:
    return np.where(np.isnan(score), -np.inf, score)


def ranks_over_rates(scored: Scored, name: str) -> Curve:
    """The mean rank of a score, from 0 for the lowest to 1, over the solve rate."""
    ranks = (scipy.stats.rankdata(_comparable(scored.scores[name])) - 0.5) / len(scored.solved)
    return curve_over(scored.solved, ranks, [-np.inf, *np.arange(0.05, 1.0, 0.1), np.inf])


def scored_section(found: Mapping[str, Any] | None) -> list[Section]:
    """What `scores_beside_rates` has found, as a table and pictures."""
    if not found:
        return []
    steps = found["steps"]
    shown = [
        Curves(
            f"rank correlation of scores with {target}",
            "rollouts",
            f"rank correlation with {target}",
            {
                name: Curve(steps, *map(list, zip(*values, strict=True)))
                for name, values in found[target].items()
            },
            statistic="Spearman's",
        )
        for target in TARGETS
    ]
    shown.append(
        Curves(
            "ranks of scores over the solve rate",
            f"solve rate p after {steps[-1]:,} rollouts",
            "rank of the score, 0 to 1",
            {name: Curve(**curve) for name, curve in found["ranks"].items()},
            statistic="mean",
        )
    )
    drawings = [
        Drawing(f"scores_{place}.png", curves.name, partial(plots.curves, shown=curves))
        for place, curves in enumerate(shown)
    ]
    rows = [
        [name, *(f"{Estimate(*found[target][name][-1]):+.2f}" for target in TARGETS)]
        for name in found["ranks"]
    ]
    table = table_in_markdown(["score", *(f"with {target}" for target in TARGETS)], rows)
    text = (
        f"Spearman's rank correlations over {found['number']:,} random levels after {steps[-1]:,} "
        "rollouts, with 95 % bootstrap intervals over levels. A level is scored by one rollout, "
        "as when it is seen for the first time; its solve rate p is that of other attempts."
    )
    return [Section("What scores see", drawings, f"{text}\n\n{table}")]
