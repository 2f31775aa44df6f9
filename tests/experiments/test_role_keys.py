"""Keys of tests: one for each role, and none of them another's."""

import re
from itertools import chain
from pathlib import Path

import jax
import numpy as np
import pytest

import rlsuite.experiments
from rlsuite.experiments.role_keys import HELD_OUT_SEED, TUNING_SEED, role_key

MOST = 64
SOURCES = Path(rlsuite.experiments.__file__).parent
ROLES = sorted(
    {
        role
        for path in SOURCES.rglob("*.py")
        for role in re.findall(r'role_key\("([^"]+)"', path.read_text())
    }
)


def words(keys):
    """Keys as pairs of numbers."""
    return list(map(tuple, np.asarray(jax.random.key_data(keys)).reshape(-1, 2).tolist()))


def descendants(key):
    """A key, what is split off it or folded into it, and so on once more."""
    children = jax.random.split(key, MOST)
    grandchildren = jax.vmap(lambda key: jax.random.split(key, MOST))(children)
    return [*words(key), *words(children), *words(grandchildren)]


def test_no_two_roles_meet_however_their_keys_are_split_or_folded():
    """What is folded in is among what is split off, which is why a role has a seed of its own."""
    key = role_key("levels")
    assert words(jax.random.fold_in(key, 3)) == words(jax.random.split(key, MOST))[3:4]
    families = [
        descendants(role_key(role, seed)) for seed in (HELD_OUT_SEED, TUNING_SEED) for role in ROLES
    ]
    assert len(ROLES) > 10
    assert len(set(chain(*families))) == sum(map(len, families))


@pytest.mark.parametrize(
    ("role", "place"),
    [
        ("levels", 0),
        ("bandits", 1),
        ("bandits of claims", 2),
        ("levels to score", 3),
        ("levels of kinds", 4),
    ],
)
def test_levels_are_those_that_recorded_results_are_about(role, place):
    assert words(role_key(role)) == words(jax.random.key(2_310_02782 + place))
    assert words(role_key(role, TUNING_SEED)) == words(jax.random.key(1_602_01783 + place))
