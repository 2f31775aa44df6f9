"""Pure reinforcement learning: agents, objectives, meta-learners, curricula and methods."""

from rlsuite.lifetime import Life, Task
from rlsuite.method import Method, train

__all__ = ["Life", "Method", "Task", "train"]
