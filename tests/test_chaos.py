"""A short form of `make chaos`."""

import random

from tests import chaos


def test_a_killed_run_and_damaged_checkpoints(tmp_path):
    chance = random.Random(0)
    killed = chaos.kills(["a2c"], 1, tmp_path, chance)
    assert killed["killed"] == killed["identical"] == 1
    assert not chaos.wrong(killed)
    (tmp_path / "copies").mkdir()
    found = chaos.damages(tmp_path / "a2c-alone", 40, tmp_path / "copies", chance)
    assert found["restored from the older"] >= 30 and not chaos.wrong(found)
