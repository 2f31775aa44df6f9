"""What a run takes before it is begun: operations, bytes, memory, and seconds by device."""

from rlsuite.experiments.costs.prediction import Prediction, predict
from rlsuite.experiments.costs.text import show

__all__ = ["Prediction", "predict", "show"]
