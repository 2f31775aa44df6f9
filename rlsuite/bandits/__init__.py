"""Players at bandits, thousands side by side, and what is best at those with few states."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
