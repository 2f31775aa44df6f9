"""MuJoCo Playground's control suite, where it is installed."""

from rlsuite.envs.playground import PACKAGE, PLAYGROUND_WORLDS, make_playground_world
from rlsuite.experiments.foreign_worlds import foreign_family

FAMILY = foreign_family(
    "MuJoCo Playground",
    PLAYGROUND_WORLDS,
    make_playground_world,
    package=PACKAGE,
    extra="playground",
    like="Pendulum-v1",
)
