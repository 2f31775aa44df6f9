"""Bonuses for what is new, as values around whatever agents learn by."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
