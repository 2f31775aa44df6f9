"""Who designs the levels that a student learns on: chance, replay, edits, searches, teachers."""

from rlsuite.experiments.methods.design.methods import ACCEL, DR, PLR, SFL
from rlsuite.experiments.methods.design.teachers import MINIMAX, PAIRED, REPAIRED

SPECS = (DR, PLR, ACCEL, SFL, PAIRED, REPAIRED, MINIMAX)
