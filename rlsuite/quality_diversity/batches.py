"""How a step's budget of evaluations is spent in batches."""

from dataclasses import dataclass

from rlsuite.ranges import Count, Positive


@dataclass(frozen=True)
class BatchConfig:
    """Sizes of a search without generations.

    Attributes:
      num_first: random genomes to begin with.
      batch_size: solutions that are evaluated at once.
      evaluations_per_step: of one step of the method, whole batches.
      deviation: of the noise on each gene of a child.
      bins: cells of the grid along each axis of positions.
    """

    num_first: Count = 100
    batch_size: Count = 200
    evaluations_per_step: Count = 1000
    deviation: Positive = 0.05
    bins: Count = 50

    @property
    def num_batches(self) -> int:
        """In a step.

        Raises:
          ValueError: if they are not whole.
        """
        return whole_batches(self.evaluations_per_step, self.batch_size, "batch_size")


def whole_batches(evaluations_per_step: int, size: int, name: str) -> int:
    """How many batches of a size are in a step.

    Raises:
      ValueError: if they are not whole.
    """
    if evaluations_per_step % size:
        raise ValueError(
            f"evaluations_per_step: {evaluations_per_step} is not allowed; it must be a multiple "
            f"of {size}, as {name} says"
        )
    return evaluations_per_step // size
