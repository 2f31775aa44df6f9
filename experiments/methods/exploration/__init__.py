"""Methods that explore where rewards are far away."""

from rlsuite.experiments.methods.exploration.bonuses import BONUSES
from rlsuite.experiments.methods.exploration.go_explore import GO_EXPLORE
from rlsuite.experiments.methods.exploration.robustify import ROBUSTIFY

SPECS = (GO_EXPLORE, ROBUSTIFY, BONUSES)
