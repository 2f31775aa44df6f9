"""What explorers don't tell apart."""

from dataclasses import dataclass

from gymnax.environments.environment import Environment

from rlsuite.envs.cells import Cells, find_cells, rounded_observations
from rlsuite.ranges import Count, Positive


@dataclass(frozen=True, kw_only=True)
class CellsConfig:
    """Which states are one cell.

    Attributes:
      cells: what states have in common that are not told apart, by the name that the world has for
        it; none takes its first.
      num_cells: into which observations are hashed in worlds without such names.
      resolution: to which they are rounded there.
    """

    cells: str | None = None
    num_cells: Count = 4096
    resolution: Positive = 0.25

    def cells_in(self, world: Environment) -> Cells:
        """The cells of a world.

        Raises:
          ValueError: if it has no cells of the name that is asked for.
        """
        hashed = rounded_observations(self.num_cells, self.resolution)
        return find_cells(world, self.cells, hashed)
