"""Designing the levels that a student learns on: DR, PLR, ACCEL, SFL, PAIRED and minimax."""

from rlsuite.experiments.methods.design.methods import ACCEL, DR, PLR, SFL
from rlsuite.experiments.methods.design.teachers import MINIMAX, PAIRED

SPECS = (DR, PLR, ACCEL, SFL, PAIRED, MINIMAX)
