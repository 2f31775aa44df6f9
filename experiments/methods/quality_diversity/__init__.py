"""Searches for many behaviours, and for what pays among them where little does."""

from rlsuite.experiments.methods.quality_diversity.methods import (
    MAP_ELITES,
    NOVELTY_SEARCH,
    SERENE,
    STAX,
    TAXONS,
)

SPECS = (NOVELTY_SEARCH, MAP_ELITES, SERENE, TAXONS, STAX)
