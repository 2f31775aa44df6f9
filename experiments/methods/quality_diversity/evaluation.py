"""The test of searches: what they find in as many evaluations, area by area, beside others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from rlsuite.compiling import jit
from rlsuite.experiments.evaluation import Contender, Curves, Evaluation, Table, curve_of
from rlsuite.experiments.finished import Finished
from rlsuite.experiments.methods.quality_diversity.configs import with_room
from rlsuite.experiments.methods.quality_diversity.domains import domain_of, level_of
from rlsuite.experiments.role_keys import role_key
from rlsuite.experiments.specs import Run, Watch, WorldSpec, required
from rlsuite.method import Method, train
from rlsuite.methods.map_elites import map_elites
from rlsuite.methods.novelty_search import novelty_search
from rlsuite.quality_diversity.batches import BatchConfig
from rlsuite.quality_diversity.descriptors import true_position
from rlsuite.quality_diversity.domain import Domain
from rlsuite.quality_diversity.exploration import ExplorationConfig
from rlsuite.quality_diversity.random_search import random_search
from rlsuite.ranges import Count, OneOf

_POINTS_SHOWN = 25
_EARLY = 10
"""Of a search's steps, after the first of so many the early coverage is measured."""


class Budget(NamedTuple):
    """What searches have in common that stand beside each other.

    Attributes:
      domain: what is searched.
      sizes: of those with generations.
      batches: the same of those without.
    """

    domain: Domain
    sizes: ExplorationConfig
    batches: BatchConfig


BASELINES: Mapping[str, Callable[[Budget], Method]] = {
    "novelty search by position": lambda own: novelty_search(
        own.domain, true_position(), own.sizes
    ),
    "MAP-Elites": lambda own: map_elites(own.domain, own.batches),
    "random search": lambda own: random_search(own.domain, own.sizes),
}
"""What else is searched by."""


@dataclass(frozen=True)
class SearchEvaluationConfig:
    """How searches are tested.

    Attributes:
      num_seeds: searches of each kind, other ones than the run's own.
      beside: what else is searched by, with the same budget and noise.
    """

    num_seeds: Count = 8
    beside: tuple[Annotated[str, OneOf(tuple(BASELINES))], ...] = tuple(BASELINES)


class Searched(NamedTuple):
    """What several searches of one kind have come to.

    Attributes:
      course: metrics of each after each step.
      position: where the episodes of what the first of them has kept ended.
      born: after how many evaluations each of these was found.
      founder: of the emitter that has found it, by when it was born; -1 for none.
      reward: that it was paid.
    """

    course: Mapping[str, Float[np.ndarray, "seed step"]]
    position: Float[np.ndarray, "solution 2"]
    born: np.ndarray
    founder: np.ndarray
    reward: np.ndarray


def searched(method: Method, run: Run) -> Searched:
    """Searches as long as a run, with seeds of their own that follow from its.

    They are made one after the other: side by side, both kinds of steps would be computed in each,
    and nothing would be gained, as each works on hundreds of solutions at once.
    """
    num_steps, num_seeds = run.steps, run.evaluation.num_seeds

    def one(key):
        state, metrics = train(method, num_steps)(key)
        solutions, is_there = state.kept
        kept = solutions.position, solutions.born, solutions.founder, solutions.reward
        return metrics, (*kept, is_there)

    def program(keys: Array) -> Any:
        metrics, kept = jax.lax.map(one, keys)
        return metrics, jax.tree.map(lambda leaf: leaf[0], kept)

    keys = jax.random.split(jax.random.fold_in(role_key("searches"), run.seed), num_seeds)
    metrics, (*kept, is_there) = jax.tree.map(np.asarray, jit(program)(keys))
    course = {name: np.asarray(values, np.float64) for name, values in metrics.items()}
    return Searched(course, *(values[is_there] for values in kept))


def test(finished: Finished, rivals: Sequence[Finished], watch: Watch) -> Evaluation:
    """What a run's method finds in as many evaluations, by itself and beside others."""
    methods = {who: run.experiment.method for who, run in finished.beside(rivals).items()}
    methods |= {
        Contender(name, "baseline"): method for name, method in _baselines(finished).items()
    }
    watch.expect(len(methods))
    results = {}
    for who, method in methods.items():
        done = watch.begin(who.name)
        results[who.name] = searched(method, finished.run)
        done()
    return _evaluated(list(methods), results, required(finished.named_world))


def _baselines(finished: Finished) -> dict[str, Method]:
    """Searches with the same budget and noise, but for one that is called as the run's own is."""
    config, world = finished.run.method, required(finished.named_world)
    domain = domain_of(world, config.controller)
    sizes = with_room(config.exploration, finished.run.steps)
    batches = BatchConfig(
        sizes.population_size,
        sizes.generation_size,
        sizes.evaluations_per_step,
        sizes.deviation,
        sizes.bins,
    )
    budget = Budget(domain, sizes, batches)
    asked = finished.run.evaluation.beside
    return {name: BASELINES[name](budget) for name in asked if name != finished.title}


def _evaluated(
    contenders: Sequence[Contender], results: Mapping[str, Searched], world: WorldSpec
) -> Evaluation:
    courses = {who: one.course for who, one in results.items()}
    shares = _budget_shares(courses)
    highest = world.world.highest_rewards(level_of(world))
    return Evaluation(
        contenders=contenders,
        tables=[
            *_tables(courses, world.name, highest),
            *_tables_of_budget(shares, contenders[0].name, world.name),
        ],
        curves=_curves(courses, highest),
        notes=[
            "Each search has the run's budget of evaluations, with seeds of its own. Coverage is "
            "the share of cells of a grid over true final positions: of all episodes, or of those "
            "whose solutions are kept; early is after a tenth of the budget. Rewards are of the "
            "highest an area can pay, by a bound.",
            *(_sentence_on_budget(who, one) for who, one in shares.items()),
            *sentences_on_losses(courses),
        ],
        extras={"kept": {who: _kept(one) for who, one in results.items()}},
    )


def _kept(one: Searched) -> dict[str, list]:
    return {
        "position": one.position.round(4).tolist(),
        "born": one.born.tolist(),
        "founder": one.founder.tolist(),
        "reward": one.reward.round(4).tolist(),
    }


Course = Mapping[str, Float[np.ndarray, "seed step"]]


def _by_area(course: Course, metric: str) -> Float[np.ndarray, "area seed step"]:
    names = sorted(name for name in course if name.startswith(f"{metric}_"))
    return np.stack([course[name] for name in names])


def _tables(
    courses: Mapping[str, Course], stratum: str, highest: Float[np.ndarray, " area"]
) -> list[Table]:
    def table(name, unit, of, place=-1):
        results = {who: of(course)[None, :, place] for who, course in courses.items()}
        return Table(name=name, unit=unit, results=results, strata=[stratum])

    early = max(next(iter(courses.values()))["coverage"].shape[1] // _EARLY, 1) - 1
    rewards = {who: _by_area(course, "best_reward")[..., -1] for who, course in courses.items()}
    return [
        table("coverage", "share of cells", lambda course: course["coverage"]),
        table("early coverage", "share of cells", lambda course: course["coverage"], early),
        table("coverage of what is kept", "share of cells", lambda one: one["kept_coverage"]),
        table("solutions kept", "solutions", lambda one: one["kept"]),
        table("areas found", "areas", lambda course: course["areas"]),
        Table(
            name="best reward by area",
            unit="reward",
            results=rewards,
            strata=[f"area {area}" for area in range(len(highest))],
            optimal=highest,
        ),
        Table(
            name="best reward in the worst area",
            unit="fraction of the highest reward",
            results={
                who: (one / highest[:, None]).min(axis=0)[None] for who, one in rewards.items()
            },
            strata=[stratum],
        ),
    ]


def _budget_shares(courses: Mapping[str, Course]) -> dict[str, Float[np.ndarray, "area seed"]]:
    """Shares of all evaluations that emitters spent on each area, where there are any."""
    shares = {who: _by_area(course, "budget_share")[..., -1] for who, course in courses.items()}
    return {who: one for who, one in shares.items() if one.any()}


def _sentence_on_budget(who: str, shares: Float[np.ndarray, "area seed"]) -> str:
    each = ", ".join(f"{share:.1%}" for share in shares.mean(axis=1))
    return f"Emitters of {who} spend {each} of all evaluations on the areas, in their order."


def sentences_on_losses(courses: Mapping[str, Course]) -> list[str]:
    """What is to be said of searches whose archives had no place for all that came."""
    lost = {who: course["lost"][:, -1] for who, course in courses.items() if "lost" in course}
    return [
        f"Archives of {who} were too small: {one.mean():,.0f} solutions had no place in them, in "
        "the mean over seeds."
        for who, one in lost.items()
        if one.any()
    ]


def _evenness(shares: Float[np.ndarray, "area seed"]) -> Float[np.ndarray, "1 seed"]:
    """Entropy of emitters' evaluations over areas, of the highest there can be."""
    total = shares.sum(axis=0)
    of_total = shares / np.where(total > 0, total, 1.0)
    entropy = -(of_total * np.log(np.where(of_total > 0, of_total, 1.0))).sum(axis=0)
    return entropy[None] / np.log(len(shares))


def _tables_of_budget(
    shares: Mapping[str, Float[np.ndarray, "area seed"]], own: str, stratum: str
) -> list[Table]:
    """How evenly emitters spent their evaluations, if the run's own search has any emitters."""
    if own not in shares:
        return []
    return [
        Table(
            name="evenness of emitters' budget",
            unit="entropy over areas, of the highest",
            results={who: _evenness(one) for who, one in shares.items()},
            strata=[stratum],
        )
    ]


def _curves(courses: Mapping[str, Course], highest: Float[np.ndarray, " area"]) -> list[Curves]:
    def curves(label, of):
        lines = {}
        for who, course in courses.items():
            values, evaluations = of(course).T, course["evaluations"].mean(axis=0)
            shown = np.unique(np.linspace(0, len(values) - 1, _POINTS_SHOWN).round().astype(int))
            lines[who] = curve_of(evaluations[shown].tolist(), values[shown])
        return Curves(label, "evaluations", label, lines)

    def mean_reward(course):
        return (_by_area(course, "best_reward") / highest[:, None, None]).mean(axis=0)

    return [
        curves("coverage", lambda course: course["coverage"]),
        curves("coverage of what is kept", lambda course: course["kept_coverage"]),
        curves("mean over areas of best reward, of the highest", mean_reward),
    ]
