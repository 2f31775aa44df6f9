"""Players of repeated games, all against all in one program, and what is best against some."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
