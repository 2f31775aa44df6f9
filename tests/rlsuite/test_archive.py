"""Tests of the archive of cells, beside one that is told step after step."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.archive import (
    BEGINNING,
    NOWHERE,
    CountWeight,
    Trajectories,
    choose,
    insert,
    inverse_root_of_seen,
    new_archive,
    only_start,
    power_of_counts,
    uniform_weights,
)

NUM_CELLS, MAX_LENGTH, NUM_STEPS = 5, 6, 3


def told_one_by_one(archive, found, reset_counters):
    """The same in plain Python: dictionaries of what is known of each cell."""
    cells = [
        {
            "state": int(archive.state[c]),
            "score": float(archive.score[c]),
            "length": int(archive.length[c]),
            "way": np.asarray(archive.action[c][: max(int(archive.length[c]), 0)]).tolist(),
            "seen": int(archive.seen[c]),
            "chosen": int(archive.chosen[c]),
            "since": int(archive.chosen_since_new[c]),
        }
        for c in range(NUM_CELLS)
    ]
    before = [dict(cell) for cell in cells]
    changed, fruitful = set(), set()
    for w, start in enumerate(map(int, found.start)):
        way, score, passed = [], 0.0, set()
        if start != BEGINNING:
            for count in ("seen", "chosen", "since"):
                cells[start][count] += 1
            way, score, passed = list(before[start]["way"]), before[start]["score"], {start}
        for t in range(NUM_STEPS):
            place = int(found.cell[w, t])
            way = [*way, int(found.action[w, t])]
            score += float(found.reward[w, t])
            if place == NOWHERE or len(way) > MAX_LENGTH:
                continue
            if place not in passed:
                cells[place]["seen"] += 1
            passed.add(place)

            def beats(known, score=score, way=way):
                same = score == known["score"] and len(way) < known["length"]
                return known["length"] < 0 or score > known["score"] or same

            if beats(before[place]):
                fruitful.add(start)
            if beats(cells[place]):
                changed.add(place)
                cells[place] |= {
                    "score": score,
                    "length": len(way),
                    "way": way,
                    "state": int(found.state[w, t]),
                }
    for start in fruitful - {BEGINNING}:
        cells[start]["since"] = 0
    for place in changed if reset_counters else ():
        cells[place] |= {"seen": 0, "chosen": 0, "since": 0}
    return cells


def assert_is(archive, cells):
    for c, cell in enumerate(cells):
        assert int(archive.length[c]) == cell["length"]
        if cell["length"] >= 0:
            assert float(archive.score[c]) == cell["score"]
            assert np.asarray(archive.action[c][: cell["length"]]).tolist() == cell["way"]
            assert int(archive.state[c]) == cell["state"]
        counts = (archive.seen[c], archive.chosen[c], archive.chosen_since_new[c])
        assert tuple(map(int, counts)) == (cell["seen"], cell["chosen"], cell["since"])


@st.composite
def explorations(draw):
    """Several batches of trajectories, the starts as numbers that are folded into what is known.

    The first of what is known is the beginning.
    """
    number = draw(st.integers(1, 4))
    cells = st.integers(NOWHERE, NUM_CELLS - 1)

    def array(elements, *shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(elements, min_size=size, max_size=size))).reshape(shape)

    return [
        (
            array(st.integers(0, 100), number),
            array(st.integers(0, 3), number, NUM_STEPS),
            array(st.sampled_from([0.0, 1.0, -1.0]), number, NUM_STEPS),
            array(cells, number, NUM_STEPS),
        )
        for _ in range(draw(st.integers(1, 3)))
    ]


insert_in_one = jax.jit(insert, static_argnames="reset_counters")


@settings(max_examples=60, deadline=None)
@given(explorations(), st.booleans())
def test_a_batch_is_what_its_steps_are_one_by_one(batches, reset_counters):
    archive = new_archive(jnp.int32(7), jnp.int32(2), NUM_CELLS, MAX_LENGTH, 4)
    for serial, (starts, action, reward, cell) in enumerate(batches):
        # What is over stays over, and pays nothing any more.
        over = np.cumsum(cell == NOWHERE, axis=1) > 0
        known = np.append(BEGINNING, np.flatnonzero(archive.length >= 0))
        # One shape: a batch is filled up with trajectories that are over at once.
        room = 4 - len(starts)
        found = Trajectories(
            start=np.pad(known[starts % len(known)], (0, room), "edge").astype(np.int32),
            action=np.pad(action, ((0, room), (0, 0))).astype(np.int8),
            reward=np.pad(np.where(over, 0.0, reward), ((0, room), (0, 0))).astype(np.float32),
            cell=np.pad(
                np.where(over, NOWHERE, cell), ((0, room), (0, 0)), constant_values=NOWHERE
            ).astype(np.int32),
            state=np.arange(4 * NUM_STEPS, dtype=np.int32).reshape(4, -1) + 100 * serial,
        )
        expected = told_one_by_one(jax.device_get(archive), found, reset_counters)
        found = jax.tree.map(jnp.asarray, found)
        archive = insert_in_one(archive, found, reset_counters=reset_counters)
        assert_is(jax.device_get(archive), expected)


def known_archive():
    archive = new_archive(jnp.int32(0), jnp.int32(0), 4, MAX_LENGTH, 4)
    return archive._replace(
        length=jnp.array([0, 2, 3, -1]),
        seen=jnp.array([8, 3, 0, 0]),
        chosen=jnp.array([4, 0, 1, 0]),
        chosen_since_new=jnp.array([1, 0, 0, 0]),
    )


@pytest.mark.parametrize(
    ("weigh", "expected"),
    [
        (inverse_root_of_seen, [1 / 3, 1 / 2, 1, 1]),
        (uniform_weights, [1, 1, 1, 1]),
        (
            power_of_counts(chosen=CountWeight(2.0), offset=1.0, floor=0.0),
            [1 + 2 / 5**0.5, 3, 1 + 2**0.5, 3],
        ),
        # As public code has it: each count by its own power, and no constant.
        (
            power_of_counts(
                CountWeight(3.0),
                chosen_since_new=CountWeight(1.0, power=1.0),
                offset=1.0,
                floor=0.0,
                constant=0.0,
            ),
            [1 + 1 / 2, 3 / 2 + 1, 3 + 1, 3 + 1],
        ),
    ],
)
def test_cells_are_chosen_in_proportion_to_their_weights(weigh, expected):
    archive = known_archive()
    weights = weigh(archive)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)
    chosen = np.asarray(choose(jax.random.key(0), archive.entered, weights, 20_000))
    found = np.bincount(chosen, minlength=4) / len(chosen)
    likely = np.where(archive.entered, expected, 0.0)
    np.testing.assert_allclose(found, likely / likely.sum(), atol=0.015)
    assert found[3] == 0


def test_where_nothing_weighs_anything_it_is_the_beginning_that_is_chosen():
    # The cell of the start has taken over another way there by now.
    archive = known_archive()._replace(length=jnp.array([4, 2, 3, -1]))
    archive = archive._replace(state=jnp.arange(10, 14), beginning=jnp.int32(7))
    chosen = choose(jax.random.key(0), archive.entered, only_start(archive), 3)
    assert chosen.tolist() == [BEGINNING] * 3
    assert archive.state_at(jnp.array([BEGINNING, 0, 2])).tolist() == [7, 10, 12]
