"""Control: pendulum and reacher of adversarial cheap talk (arXiv 2211.11030), a mountain car."""

from rlsuite.envs.control.mountain_car_continuous import MountainCarContinuous
from rlsuite.envs.control.pendulum import Pendulum
from rlsuite.envs.control.reacher import Reacher

__all__ = ["MountainCarContinuous", "Pendulum", "Reacher"]
