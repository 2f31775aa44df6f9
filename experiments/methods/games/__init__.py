"""Repeated games of two players, and agents that learn to play them."""

from rlsuite.experiments.methods.games.repeated import REPEATED_GAMES

SPECS = (REPEATED_GAMES,)
