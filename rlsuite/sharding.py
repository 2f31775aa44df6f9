"""Agents divided among devices.

A program is told its devices in JAX's own way, by a mesh: what is traced under
`jax.set_mesh(make_mesh(8))` divides its agents among eight. Nothing else changes, neither in a
method's functions nor in what they compute, but for the order in which sums over agents are made.
Without a mesh, or with one that has no axis `agents`, all that is here does nothing.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import AxisType, Mesh, PartitionSpec
from jaxtyping import PyTree

AGENTS, SEEDS = "agents", "seeds"
"""Axes of a mesh: agents of one run that live side by side, and runs that differ in their seed."""

Axes = int | None | tuple[int | None, ...]
"""As `jax.vmap` has them: which dimension is divided, or None for what is the same everywhere."""


def make_mesh(num_devices: int, num_seeds: int = 1) -> Mesh:
    """A mesh for `jax.set_mesh`, of the first devices there are.

    Args:
      num_devices: that share the agents of each run.
      num_seeds: groups of so many devices that share the runs, if these are mapped by
        `jax.vmap(…, spmd_axis_name="seeds")`; without that name each device makes all of them.
    """
    shape, names = (num_seeds, num_devices), (SEEDS, AGENTS)
    devices = jax.devices()[: num_seeds * num_devices]
    return jax.make_mesh(shape, names, axis_types=(AxisType.Auto,) * 2, devices=devices)


def num_parts() -> int:
    """Among how many devices the agents of the program that is being traced are divided.

    Raises:
      ValueError: if the mesh's axis is of JAX's type `Explicit`.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if AGENTS in mesh.explicit_axes:
        raise ValueError(
            f"mesh: an axis '{AGENTS}' of type Explicit is not allowed; "
            "it must be of type Auto, as make_mesh of rlsuite.sharding has it"
        )
    return mesh.shape[AGENTS] if AGENTS in mesh.auto_axes else 1


def spread(tree: PyTree) -> PyTree:
    """The same arrays, their leading `agent` axis divided among devices.

    Raises:
      ValueError: if the devices can't share the agents equally.
    """
    if num_parts() == 1:
        return tree
    _check_shared(tree, 0)
    return jax.lax.with_sharding_constraint(tree, PartitionSpec(AGENTS))


def together(tree: PyTree) -> PyTree:
    """The same arrays, each of them whole on every device: for what is decided of all agents."""
    return tree if num_parts() == 1 else jax.lax.with_sharding_constraint(tree, PartitionSpec())


def apart(
    function: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0
) -> Callable[..., Any]:
    """A function of many agents, evaluated by each device for its own part of them.

    Devices don't wait for each other: each turns its own loops, as long as its own agents need.
    (Partitioned automatically, a loop that ends with the longest life would have all devices agree
    on that in each turn.) What has to be known of all agents is the mean of means that
    `mean_of_parts` makes.

    Args:
      function: of a number of agents; what it says of one doesn't depend on which others are there.
      in_axes: the `agent` axis of each argument, as in `jax.vmap`.
      out_axes: likewise, of the results.

    Raises:
      ValueError: when it is called, if the devices can't share the agents equally.
    """

    def divided(*arguments):
        if num_parts() == 1:
            return function(*arguments)
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(arguments)
        for argument, axis in zip(arguments, axes, strict=True):
            if axis is not None:
                _check_shared(argument, axis)
        return jax.shard_map(
            function,
            in_specs=_specs(in_axes),
            out_specs=_specs(out_axes),
            check_vma=False,
        )(*arguments)

    return divided


def mean_of_parts(tree: PyTree) -> PyTree:
    """Within `apart`: the mean over devices, the same for all. Elsewhere: as it is."""
    is_apart = AGENTS in jax.sharding.get_abstract_mesh().manual_axes
    return jax.lax.pmean(tree, AGENTS) if is_apart else tree


def _check_shared(argument: PyTree, axis: int) -> None:
    for leaf in jax.tree.leaves(argument):
        if leaf.shape[axis] % num_parts():
            raise ValueError(
                f"agents: {num_parts()} devices are not allowed; "
                f"they must share {leaf.shape[axis]} equally"
            )


def _specs(axes: Axes) -> PyTree:
    if isinstance(axes, tuple):
        return tuple(map(_specs, axes))
    return PartitionSpec() if axes is None else PartitionSpec(*(None,) * axes, AGENTS)
