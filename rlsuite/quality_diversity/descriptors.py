"""What of an episode counts as its behaviour."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from rlsuite.quality_diversity.domain import Outcomes
from rlsuite.quality_diversity.signatures import log_signature, signature, with_time

Memory = Any
"""What a descriptor reads of some solutions: a pytree whose leaves lead with them."""

Learn = Callable[
    [PRNGKeyArray, Any, Memory, Bool[Array, " solution"]], tuple[Any, Float[Array, ""]]
]
"""`(key, parameters, memory, is_there) -> (parameters, error)`, where the error is on what was held
out."""


class Descriptor(NamedTuple):
    """From outcomes to numbers between which distances mean something.

    Attributes:
      init: `key -> parameters`.
      remember: `(genomes, outcomes) -> memory`, all that it will need to describe them again.
      describe: `(parameters, memory) -> (code [solution, number], surprise [solution])`, where
        surprise says how badly it knows them.
      learn: from all that is remembered; none for descriptors that don't learn.
    """

    init: Callable[[PRNGKeyArray], Any]
    remember: Callable[[Float[Array, "solution gene"], Outcomes], Memory]
    describe: Callable[
        [Any, Memory], tuple[Float[Array, "solution number"], Float[Array, " solution"]]
    ]
    learn: Learn | None = None


def fixed(code_of: Callable[[Outcomes], Float[Array, "solution number"]]) -> Descriptor:
    """A function of outcomes that never changes, and nothing surprises."""
    return _fixed(lambda genome, outcomes: code_of(outcomes))


def _fixed(
    code_of: Callable[[Float[Array, "solution gene"], Outcomes], Float[Array, "solution number"]],
) -> Descriptor:
    return Descriptor(
        init=lambda key: (),
        remember=code_of,
        describe=lambda parameters, code: (code, jnp.zeros(len(code))),
    )


def true_position() -> Descriptor:
    """Where the episode ended: what a repertoire is judged by, known beforehand."""
    return fixed(lambda outcomes: outcomes.position)


def policy_space() -> Descriptor:
    """The genome itself, whatever its episode came to: a baseline of TAXONS (arXiv 1909.05508)."""
    return _fixed(lambda genome, outcomes: genome)


def path_signature(*, shows_time: bool = False, logarithmic: bool = False) -> Descriptor:
    """The signature of order 2 of all that was observed (Paolo, arXiv 2203.01027).

    It needs no choice of the moment by which an episode is judged.

    Args:
      shows_time: whether time is a channel of the path; otherwise it doesn't matter how fast a
        path is taken.
      logarithmic: whether the logarithm of the signature is taken, which has no redundant numbers.
    """
    of = log_signature if logarithmic else signature

    def code_of(outcomes):
        path = jax.vmap(with_time)(outcomes.path) if shows_time else outcomes.path
        return jax.vmap(of)(path)

    return fixed(code_of)
