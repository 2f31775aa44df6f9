"""Brax's tasks, where it is installed."""

from rlsuite.envs.brax import BRAX_WORLDS, PACKAGE, make_brax_world
from rlsuite.experiments.foreign_worlds import foreign_family

FAMILY = foreign_family(
    "brax", BRAX_WORLDS, make_brax_world, package=PACKAGE, extra="brax", like="Pendulum-v1"
)
