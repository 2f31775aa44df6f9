r"""Several bonuses of the same parts, of which each agent is paid one: which is a number."""

from collections.abc import Mapping, Sequence
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from rlsuite.exploration.bonuses import Bonus, BonusState, metrics_of_parts


class Term(NamedTuple):
    r"""A weight times a product of parts, :math:`\beta \prod_k b_k`."""

    parts: tuple[str, ...]
    weight: float = 1.0


Formula = Sequence[Term]
"""A sum of terms; without any, nothing is paid."""


class ChoiceState(NamedTuple):
    """Which formula is paid, and what the parts know."""

    which: Int[Array, ""]
    parts: dict[str, BonusState]


def one_of(parts: Mapping[str, Bonus], formulas: Sequence[Formula]) -> Bonus:
    r"""Pays by one of several formulas, :math:`\sum_j \beta_j \prod_{k \in K_j} b_k`.

    All parts are measured, and which formula is paid is a number of the state: so agents with
    different bonuses are one program. At first it is the first formula.

    Args:
      parts: bonuses by name.
      formulas: over these names.

    Returns:
      A bonus whose state is a `ChoiceState`. Of a metric that several parts report, the name
      follows that of the part.
    """

    def init(key, num_workers):
        keys = dict(zip(parts, jax.random.split(key, max(len(parts), 1)), strict=False))
        states = {name: part.init(keys[name], num_workers) for name, part in parts.items()}
        return ChoiceState(jnp.zeros((), jnp.int32), states)

    def measure(state, steps):
        found = {name: part.measure(state.parts[name], steps) for name, part in parts.items()}
        nothing = jnp.zeros_like(steps.reward)

        def total(formula):
            paid = (term.weight * prod(found[name][1] for name in term.parts) for term in formula)
            return sum(paid, nothing)

        states = {name: after for name, (after, _) in found.items()}
        paid = jnp.stack([total(formula) for formula in formulas])[state.which]
        return state._replace(parts=states), paid

    def learn(key, state, steps):
        keys = dict(zip(parts, jax.random.split(key, max(len(parts), 1)), strict=False))
        states = {
            name: part.learn(keys[name], state.parts[name], steps) for name, part in parts.items()
        }
        return state._replace(parts=states)

    def metrics(state):
        return metrics_of_parts(
            {name: part.metrics(state.parts[name]) for name, part in parts.items()}
        )

    return Bonus(init, measure, learn, metrics)
