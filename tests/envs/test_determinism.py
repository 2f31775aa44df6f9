"""Tests of what is seen of chance in a world."""

import gymnax
import jax
import pytest

from rlsuite.envs.determinism import shown_determinism
from rlsuite.envs.rooms import Corridors
from rlsuite.envs.sticky import StickyWorld


def shown(world, level):
    program = jax.jit(
        lambda key: shown_determinism(key, world, level, num_episodes=8, num_steps=12)
    )
    return tuple(map(bool, program(jax.random.key(0))))


CORRIDORS = Corridors(3, 6)


@pytest.mark.parametrize(
    ("world", "expected"),
    [
        (CORRIDORS, (True, True)),
        (StickyWorld(CORRIDORS, 0.25), (True, False)),
        # Of which only the start is drawn, and what comes behind an episode's end.
        (gymnax.make("Catch-bsuite")[0], (False, True)),
    ],
    ids=["corridors", "sticky", "catch"],
)
def test_chance_is_seen_in_starts_and_in_steps(world, expected):
    assert shown(world, world.default_params) == expected
