"""Designing the levels that a student learns on: DR, PLR, ACCEL and SFL."""

from rlsuite.experiments.methods.design.methods import ACCEL, DR, PLR, SFL

SPECS = (DR, PLR, ACCEL, SFL)
