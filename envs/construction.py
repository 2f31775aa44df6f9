"""Worlds in which levels of another world are built."""

from abc import abstractmethod
from typing import Any

from gymnax.environments.environment import Environment


class Construction(Environment[Any, Any]):
    """A world in which each episode builds a level, which `info` shows under `"extra"`.

    A level is whole after `num_steps` steps; what it is before that is not to be played.
    """

    @property
    @abstractmethod
    def num_steps(self) -> int:
        """Of every episode."""
