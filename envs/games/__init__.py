"""Games of two players with two actions each, and those who play them by a plan of few states."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
