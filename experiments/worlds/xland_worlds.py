"""The MiniGrid of XLand-MiniGrid, where it is installed."""

from rlsuite.envs.xland import PACKAGE, XLAND_WORLDS, make_xland_world
from rlsuite.experiments.foreign_worlds import foreign_family

FAMILY = foreign_family(
    "XLand-MiniGrid",
    XLAND_WORLDS,
    make_xland_world,
    package=PACKAGE,
    extra="xland",
    like="Breakout-MinAtar",
)
