"""Sweeps: settings over seeds, from one file to a folder of runs and what is reported of them."""
