"""Craftax, where it is installed."""

from rlsuite.envs.craftax import CRAFTAX_WORLDS, PACKAGE, make_craftax_world
from rlsuite.experiments.foreign_worlds import foreign_family

FAMILY = foreign_family(
    "Craftax",
    CRAFTAX_WORLDS,
    make_craftax_world,
    package=PACKAGE,
    extra="craftax",
    like="Breakout-MinAtar",
)
