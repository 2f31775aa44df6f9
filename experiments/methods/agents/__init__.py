"""Agents that simply learn: PPO and A2C on any world."""

from rlsuite.experiments.methods.agents.a2c import A2C
from rlsuite.experiments.methods.agents.ppo import PPO

SPECS = (PPO, A2C)
