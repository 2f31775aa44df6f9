"""Control: the pendulum and the reacher of adversarial cheap talk (arXiv 2211.11030)."""

from rlsuite.envs.control.pendulum import Pendulum
from rlsuite.envs.control.reacher import Reacher

__all__ = ["Pendulum", "Reacher"]
