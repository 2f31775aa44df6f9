import pytest
from hypothesis import given
from hypothesis import strategies as st

from rlsuite.experiments.retention import Schedule, to_forget


@pytest.mark.parametrize(
    ("steps", "kept", "keep_every", "gone"),
    [
        ([], 2, None, []),
        ([10], 2, None, []),
        ([10, 20, 30], 2, None, [10]),
        ([10, 20, 30], 1, None, [10, 20]),
        ([10, 20, 30, 40], 1, 20, [10, 30]),
        ([9, 12, 15, 18, 21], 1, 10, [9, 15, 18]),
        ([10, 40, 50], 1, 15, [10]),
    ],
)
def test_which_checkpoints_go(steps, kept, keep_every, gone):
    assert to_forget(steps, kept, keep_every) == gone


@given(
    saved=st.lists(st.integers(1, 200), unique=True).map(sorted),
    kept=st.integers(1, 4),
    keep_every=st.none() | st.integers(1, 50),
)
def test_what_is_kept_does_not_depend_on_when_it_is_asked(saved, kept, keep_every):
    """One save after the other leaves the newest and the first at or after each multiple."""
    left = []
    for step in saved:
        left.append(step)
        left = [one for one in left if one not in to_forget(left, kept, keep_every)]
    firsts = set()
    if keep_every is not None:
        for multiple in range(keep_every, 201, keep_every):
            firsts |= {
                step
                for step in saved
                if step >= multiple and step == min(later for later in saved if later >= multiple)
            }
    assert left == sorted({*saved[-kept:], *firsts})


def test_a_schedule_goes_by_steps():
    schedule = Schedule(4, None, clock=lambda: 0.0)
    chunks = [(3, 0), (6, 3), (9, 6), (12, 9), (13, 12)]
    assert [step for step, before in chunks if schedule.is_due(step, before)] == [6, 9, 12]


def test_a_schedule_goes_by_minutes_since_the_last_save():
    now = [0.0]
    schedule = Schedule(100, 2.0, clock=lambda: now[0])
    due = []
    for step in range(1, 201):
        now[0] += 50.0
        if schedule.is_due(step, step - 1):
            due.append(step)
    # After every third chunk two minutes have passed; a save by steps begins them anew.
    assert due == [*range(3, 100, 3), 100, *range(103, 200, 3), 200]
