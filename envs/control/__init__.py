"""Control: the pendulum and the reacher of adversarial cheap talk (arXiv 2211.11030)."""

from envs.control.pendulum import Pendulum
from envs.control.reacher import Reacher

__all__ = ["Pendulum", "Reacher"]
