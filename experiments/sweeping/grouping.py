"""Which jobs share a process."""

from collections.abc import Sequence

from rlsuite.experiments.sweeping.grid import Job


def grouped(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs that differ in their seeds alone, and so can be one program; in the order of the first.

    Args:
      jobs: of one sweep, in which a setting is known by its name.
    """
    groups: dict[str, list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.setting.name, []).append(job)
    return list(groups.values())


def divided(jobs: Sequence[Job], most: int) -> list[list[Job]]:
    """Groups of at most so many jobs, as equal in size as can be.

    Args:
      jobs: those of a sweep that are missing.
      most: in one program.
    """
    found = []
    for group in grouped(jobs):
        count = -(-len(group) // most)
        for index in range(count):
            found.append(group[index * len(group) // count : (index + 1) * len(group) // count])
    return found
