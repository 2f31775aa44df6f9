"""LPO and TA-LPO: what keeps PPO's policy near the old one, evolved over whole trainings."""

from rlsuite.experiments.methods.drifts.lpo import LPO, TA_LPO

SPECS = (LPO, TA_LPO)
