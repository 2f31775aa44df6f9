"""How an agent learns: objectives written by hand, and discovered ones."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
