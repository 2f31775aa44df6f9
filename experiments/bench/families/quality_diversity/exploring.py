"""The speed of novelty search."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from rlsuite.compiling import jit
from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.timing import REPEATS, alternate_seconds, median
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.registry import Methods
from rlsuite.quality_diversity.novelty import novelty, squared_distances

_TURNS = 20


def searches(num_steps: int = 10, repeats: int = REPEATS, preset: str = "laptop") -> Figures:
    """Evaluations per second of novelty search, and pairs of behaviours that novelty looks at.

    What is timed of the search is a preset's own program, from its beginning on. Novelty is that of
    300 behaviours of two numbers among 1,580, towards the 15 nearest; beside it, their distances
    alone are added up.

    Args:
      num_steps: of the search, in one call.
      repeats: timed calls.
      preset: of the method.
    """
    spec = Methods().find("novelty-search")
    method = Plan(spec, spec.name, preset, default_run(spec, preset)).experiment.method
    state = jit(method.init, program="once")(jax.random.key(0))
    search = jit(lambda s: jax.lax.scan(lambda s, _: method.step(s), s, length=num_steps)[0])
    evaluations = search(state).explored.found.evaluations - state.explored.found.evaluations
    known = jax.random.normal(jax.random.key(0), (1580, 2))
    is_there = jnp.ones(len(known), bool)
    finding = _often(lambda codes: novelty(codes, known, is_there, 15))
    measuring = _often(lambda codes: squared_distances(codes, known).sum(axis=1))
    codes = known[:300]
    searching, found, measured = alternate_seconds(
        lambda: search(state), lambda: finding(codes), lambda: measuring(codes), repeats=repeats
    )
    pairs = _TURNS * len(codes) * len(known)
    return {
        "thousand_evaluations_per_second": median(int(evaluations) / searching) / 1e3,
        "million_pairs_per_second_of_novelty": median(pairs / found) / 1e6,
        "million_pairs_per_second_of_distances": median(pairs / measured) / 1e6,
        "novelty_fraction_of_distance_rate": median(measured / found),
    }


def _often(score: Callable[[Array], Array]) -> jax.stages.Wrapped:
    """A program that asks some times over, each time of behaviours that are a little elsewhere."""

    def turn(codes, _):
        return codes + 1e-6 * score(codes)[:, None], None

    return jit(lambda codes: jax.lax.scan(turn, codes, length=_TURNS)[0])
