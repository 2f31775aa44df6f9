"""Bandits whose payoffs remember what was played, and those who learn at them."""

from rlsuite.experiments.methods.bandits.last_switch import LSD_BANDITS
from rlsuite.experiments.methods.bandits.tallying import WEIGHTED_TALLYING_BANDITS

SPECS = (LSD_BANDITS, WEIGHTED_TALLYING_BANDITS)
