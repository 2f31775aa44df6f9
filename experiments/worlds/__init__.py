"""Families of worlds, a module each, with its `FAMILY`."""
