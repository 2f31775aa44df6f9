"""What a benchmark is."""

from typing import NamedTuple

Figures = dict[str, float]
"""What was measured, by name: words joined by underscores, units among them. Names are kept from
release to release; docs/performance.md lists them."""


class Benchmark(NamedTuple):
    """What a benchmark measures, and the function that does.

    Attributes:
      summary: one line for people.
      function: `module:name`, imported only by the process that runs it; it returns `Figures`.
      takes_agents: whether the function takes `num_agents`.
    """

    summary: str
    function: str
    takes_agents: bool = False
