"""Several hosts that run one experiment together: the same program in a process on each.

All of them compute. The first one (`jax.process_index() == 0`) writes the run's folder, which all
must see, but for arrays of checkpoints, of which each writes its own. What a host finds out by
itself, such as that it was asked to stop, is agreed upon.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jax.experimental import multihost_utils

from rlsuite.experiments.errors import BAD_INPUT, ConfigError, UserError, say

_SECONDS_TO_SPEAK = 2
"""That the first host leaves the others to say what they have found out themselves: without it they
are ended by JAX."""


class AgreedError(UserError):
    """What is refused on all hosts."""


class Hosts(NamedTuple):
    """Where the hosts of a run meet.

    Attributes:
      coordinator: the first host's name and a port of it, "HOST:PORT"; "auto" for what SLURM, Open
        MPI or a TPU pod tells JAX, together with the other two.
      num_hosts: how many there are.
      host_index: which of them this is, from 0.
    """

    coordinator: str
    num_hosts: int | None = None
    host_index: int | None = None


def join(hosts: Hosts) -> None:
    """Joins the other hosts. Before anything else is asked of JAX.

    Raises:
      ConfigError: if what they are told can't be.
      UserError: if they don't find each other.
    """
    if hosts.coordinator == "auto":
        if (hosts.num_hosts, hosts.host_index) != (None, None):
            raise ConfigError("hosts: 'auto' is not allowed with --host_count and --host_index")
        meet = jax.distributed.initialize
    else:
        _check(hosts)
        meet = partial(jax.distributed.initialize, *hosts)
    try:
        meet()
    except (ValueError, RuntimeError) as error:
        line = str(error).split("\n")[0]
        raise UserError(f"hosts: they did not meet at {hosts.coordinator}: {line}") from error


def _check(hosts: Hosts) -> None:
    host, _, port = hosts.coordinator.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise ConfigError(
            f"hosts: {hosts.coordinator!r} is not allowed; it must be auto or HOST:PORT"
        )
    if hosts.num_hosts is None or hosts.host_index is None:
        raise ConfigError("hosts: HOST:PORT needs --host_count and --host_index")
    if hosts.num_hosts < 1:
        raise ConfigError(f"host_count: {hosts.num_hosts} is not allowed; it must be at least 1")
    if not 0 <= hosts.host_index < hosts.num_hosts:
        raise ConfigError(
            f"host_index: {hosts.host_index} is not allowed; it must be below {hosts.num_hosts}"
        )


def is_first() -> bool:
    """Whether this is the host that writes and speaks."""
    return jax.process_index() == 0


def are_several() -> bool:
    """Whether there is more than one host."""
    return jax.process_count() > 1


@contextmanager
def ending_together() -> Iterator[None]:
    """Where a host that can't go on ends at once, so that the others don't wait for it for ever.

    They are told by JAX that it has gone, and end as well. What all refuse together
    (`first_does`) is raised as on a single host.
    """
    try:
        yield
    except UserError as error:
        if not are_several() or isinstance(error, AgreedError):
            raise
        say(str(error))
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(_SECONDS_TO_SPEAK if is_first() else 0)
        os._exit(BAD_INPUT)


def first_does(action: Callable[[], None]) -> None:
    """Has the first host do something that the others wait for.

    Raises:
      UserError: if it is raised on the first host; an AgreedError on all, if there are several.
    """
    if not are_several():
        return action()
    refusal = None
    if is_first():
        try:
            action()
        except UserError as error:
            refusal = error
    has_failed = bool(multihost_utils.broadcast_one_to_all(np.array(refusal is not None)))
    if refusal is not None:
        raise AgreedError(str(refusal)) from refusal
    if has_failed:
        raise AgreedError("the first host could not go on; it says why")
    return None


def any_of(*flags: bool) -> tuple[bool, ...]:
    """For each of some flags, whether any host has set it."""
    if not are_several():
        return flags
    found = np.asarray(multihost_utils.process_allgather(np.array(flags)))
    return tuple(bool(host_flags.any()) for host_flags in found.T)
