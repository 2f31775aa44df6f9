"""Agents that simply learn: PPO, DPO and A2C on any world."""

from rlsuite.experiments.methods.agents.a2c import A2C
from rlsuite.experiments.methods.agents.ppo import DPO, PPO

SPECS = (PPO, DPO, A2C)
