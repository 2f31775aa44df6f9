"""CMA-ME as a method of the command."""

from dataclasses import dataclass, field

from rlsuite.experiments.methods.quality_diversity.configs import MapElitesConfig
from rlsuite.experiments.methods.quality_diversity.domains import domain_of
from rlsuite.experiments.methods.quality_diversity.methods import presets, search_spec
from rlsuite.experiments.specs import Run, WorldSpec
from rlsuite.method import Method
from rlsuite.methods.cma_me import CMAMEConfig, cma_me


@dataclass(frozen=True)
class CMAMESearchConfig(MapElitesConfig):
    """CMA-ME.

    Attributes:
      batches: sizes.
    """

    batches: CMAMEConfig = field(default_factory=CMAMEConfig)


def _cma_me(run: Run, world: WorldSpec) -> Method:
    return cma_me(domain_of(world, run.method.controller), run.method.batches)


CMA_ME = search_spec(
    _cma_me,
    presets(
        CMAMESearchConfig(batches=CMAMEConfig(6, 12, 24, 0.5, 10, num_emitters=2)),
        CMAMESearchConfig(),
        CMAMESearchConfig(),
        CMAMESearchConfig(),
    ),
    name="cma-me",
    title="CMA-ME",
    summary="CMA-ME: evolution strategies that look for what improves the elites",
    paper="1912.02400",
)
