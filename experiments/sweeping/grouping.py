"""Which jobs share a process."""

from collections.abc import Callable, Sequence
from itertools import pairwise, zip_longest

from rlsuite.experiments.errors import ConfigError
from rlsuite.experiments.fitting import least_need
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.sweeping.engines import Room
from rlsuite.experiments.sweeping.grid import Job

_MARGIN = 2.0
"""By which a program may need more memory than can be said from shapes."""


def grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that differ in their seeds alone, and so can be one program; in the order of the first.

    Args:
      jobs: of one sweep, in which a setting is known by its name.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.setting.name, []).append(job)
    return list(groups.values())


def divided(jobs: Sequence[Job], most: Callable[[Job], int]) -> list[list[Job]]:
    """Groups of jobs that can be one program, those of a setting as equal in size as can be.

    The first of each setting come first, so that a sweep that is stopped has something of all.

    Args:
      jobs: those of a sweep that are missing.
      most: how many of a job's setting one program may have.
    """
    of_settings = [_equal_parts(group, most(group[0])) for group in grouped(jobs)]
    rounds = zip_longest(*of_settings)
    return [part for one_of_each in rounds for part in one_of_each if part is not None]


def _equal_parts(jobs: Sequence[Job], most: int) -> list[list[Job]]:
    count = -(-len(jobs) // most)
    bounds = [index * len(jobs) // count for index in range(count + 1)]
    return [list(jobs[first:last]) for first, last in pairwise(bounds)]


def fitting_together(plan: Plan, num_jobs: int, room: Room) -> int:
    """How many seeds of a plan are best one program: as many as have room, none left idle.

    Args:
      plan: of one of them.
      num_jobs: that are missing in all.
      room: where programs run.
    """
    fair = -(-num_jobs // room.at_once)
    if fair == 1 or room.memory is None:
        return 1
    try:
        least = sum(least_need(plan, room.memory))
    except ConfigError:  # Its process says so, as it does of a single run.
        return 1
    return max(min(fair, int(room.memory / (_MARGIN * least))), 1)
