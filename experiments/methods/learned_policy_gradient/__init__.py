"""Learned policy gradient, by meta-gradients (LPG, GROOVE) and by evolution (LPG-ES, TA-LPG)."""

from rlsuite.experiments.methods.learned_policy_gradient.by_evolution import LPG_ES, TA_LPG
from rlsuite.experiments.methods.learned_policy_gradient.by_meta_gradient import GROOVE, LPG

SPECS = (LPG, GROOVE, LPG_ES, TA_LPG)
