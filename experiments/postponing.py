"""Imports that wait until they are needed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from rlsuite.experiments.errors import UserError


class _Postponed(ModuleType):
    """A module that is imported when something of it is first asked for."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # The import system's own questions are no use of it.
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:  # It is used at once.
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def postponed(*names: str) -> Iterator[None]:
    """What is imported within gets these modules only when it uses them; others are imported now.

    A module that is there already stays. Afterwards, importing one of them is as ever. Names with a
    dot are for those who import them by another name, as in `import a.b as c`.
    """
    absent = {name: _Postponed(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def import_gymnax() -> None:
    """gymnax, without what its worlds draw with, which is most of what it has to import.

    It takes hold of the devices: what has to be said of them, or of hosts, is said before.

    Raises:
      UserError: if JAX has none of the kind that it was told to use.
    """
    _take_devices()
    with postponed("seaborn", "matplotlib.pyplot"):
        import gymnax  # noqa: F401


def _take_devices() -> None:
    import jax

    try:
        jax.devices()
    except (AssertionError, RuntimeError) as error:  # The first is all that is said of "cuda".
        asked = jax.config.values["jax_platforms"]
        reason = str(error).split("\n")[0] or "it has no such devices"
        raise UserError(
            f"JAX_PLATFORMS: {asked!r} is not allowed on this machine ({reason})"
            if asked
            else f"JAX finds no devices on this machine ({reason})"
        ) from error
