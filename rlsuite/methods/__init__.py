"""The papers, each a module of a few lines of composition; `dir(rlsuite.methods)` lists them."""

import pkgutil

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, [module.name for module in pkgutil.iter_modules(__path__)]
)
