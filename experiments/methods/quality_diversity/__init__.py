"""Searches for many behaviours, and for what pays among them where little does."""

from rlsuite.experiments.methods.quality_diversity.cma_me import CMA_ME
from rlsuite.experiments.methods.quality_diversity.methods import (
    MAP_ELITES,
    NOVELTY_SEARCH,
    SERENE,
    STAX,
    TAXONS,
)

SPECS = (NOVELTY_SEARCH, MAP_ELITES, CMA_ME, SERENE, TAXONS, STAX)
