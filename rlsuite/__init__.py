"""Reinforcement-learning research in which the whole experiment is one compiled JAX program.

Everything here is pure functions on pytrees, but for `rlsuite.experiments`, which touches the
outside. Sub-packages load when they are first used.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
