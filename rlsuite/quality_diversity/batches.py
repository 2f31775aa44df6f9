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


def whole_batches(number: int, size: int, name: str, *, of: str = "evaluations_per_step") -> int:
    """How many batches of a size are in a number.

    Args:
      number: that is divided.
      size: of a batch.
      name: the field that says so.
      of: the field that the number is.

    Raises:
      ValueError: if they are not whole.
    """
    if number % size:
        raise ValueError(
            f"{of}: {number} is not allowed; it must be a multiple of {size}, as {name} says"
        )
    return number // size
