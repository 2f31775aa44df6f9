"""Pure worlds behind gymnax's interface; `register_worlds()` makes them known to gymnax."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
