"""Worlds for explorers: corridors, and rooms whose map is drawn anew with each episode."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
