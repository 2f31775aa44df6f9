"""How agents learn on a world: by what a run has learned, or by what was written by hand."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gymnax.environments.environment import Environment
from jaxtyping import PRNGKeyArray

from rlsuite.lifetime import Agent, Life, Task
from rlsuite.objectives.objective import Parameters


def _as_it_is(task: Task) -> Task:
    return task


class Trainer(NamedTuple):
    """How agents learn on a world.

    Attributes:
      life: how they live.
      parameters: of the life's objective, such as those of a learned one; `()` where it has none.
      task: `task -> task`, the task as these agents meet it, where it is more than the world's:
        with what a channel says, for one.
    """

    life: Life
    parameters: Parameters = ()
    task: Callable[[Task], Task] = _as_it_is

    def train(self, key: PRNGKeyArray, task: Task) -> Agent:
        """A fresh agent after its whole lifetime on a task of the world."""
        return self.life.whole(key, self.parameters, self.task(task))


LearnedBy = Callable[[Environment, Any], Trainer]
"""From a world, and what was learned, to how agents learn there by it.

It is hashable, and equal to another one that does the same: both then share what is compiled. A
ValueError begins with what of the world can't be served, as in `actions: … are not allowed; …`.
"""
