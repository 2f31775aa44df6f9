"""When a run is saved, and which of its checkpoints are kept."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise


class Schedule:
    """When a run is saved: every so many steps, and when it was not for so many minutes.

    The clock decides only what is written, never what is computed.

    Args:
      every: steps from one checkpoint to the next.
      minutes: likewise; none goes by steps alone.
      clock: seconds.
    """

    def __init__(
        self, every: int, minutes: float | None, clock: Callable[[], float] = time.monotonic
    ):
        self._every, self._clock = every, clock
        self._seconds = float("inf") if minutes is None else 60 * minutes
        self._last = clock()

    def is_due(self, step: int, previous: int) -> bool:
        """Whether to save at a step; if so, the minutes are counted from now on.

        Args:
          step: the one that was reached.
          previous: the one at which this was asked before.
        """
        is_late = self._clock() - self._last >= self._seconds
        if step // self._every == previous // self._every and not is_late:
            return False
        self._last = self._clock()
        return True


def to_forget(steps: Sequence[int], kept: int, keep_every: int | None) -> list[int]:
    """The steps whose checkpoints go.

    Args:
      steps: of all checkpoints, in order.
      kept: how many of the newest stay.
      keep_every: of every so many steps, the first checkpoint stays as well.
    """
    every = keep_every or float("inf")
    milestones = [step for last, step in pairwise([0, *steps]) if step // every > last // every]
    return [step for step in steps[:-kept] if step not in milestones]
