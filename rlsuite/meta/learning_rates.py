"""How learning rates of meta-learning fall."""

import optax


def decaying(first: float, factor: float, floor: float) -> optax.Schedule:
    r"""The learning rate :math:`\alpha d^n` of the n-th meta-step, no lower than a floor.

    A floor above :math:`\alpha` holds nothing up, and neither does one under a rate that does not
    fall, :math:`d \ge 1`.

    Args:
      first: :math:`\alpha`.
      factor: :math:`d`.
      floor: the least there is.
    """
    # optax takes the floor for a ceiling where the factor is not below 1.
    return optax.exponential_decay(
        first,
        transition_steps=1,
        decay_rate=factor,
        end_value=min(floor, first) if factor < 1 else None,
    )
