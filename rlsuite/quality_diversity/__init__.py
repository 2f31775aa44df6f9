"""Searches for many behaviours, and for what pays among them where little does.

Algorithms and constants of SERENE, TAXONS and STAX are as public code has them; of the papers the
abstracts could be read, so that what these say beyond the code is unverified.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
