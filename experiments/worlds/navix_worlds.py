"""Navix's MiniGrid, where it is installed."""

from rlsuite.envs.navix import NAVIX_WORLDS, PACKAGE, make_navix_world
from rlsuite.experiments.foreign_worlds import foreign_family

FAMILY = foreign_family(
    "navix", NAVIX_WORLDS, make_navix_world, package=PACKAGE, extra="navix", like="Breakout-MinAtar"
)
