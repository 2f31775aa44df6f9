"""Finding methods and worlds: ours, those of installed packages, and those that are named.

Ours are found by looking into `rlsuite.experiments.methods` (modules or packages with `SPECS`) and
`rlsuite.experiments.worlds` (with a `FAMILY`). Other packages bring theirs through the entry points
`rlsuite.methods` (a `MethodSpec`) and `rlsuite.worlds` (a `WorldFamily`). Anybody's is named as
`package.module:SPEC`, or `path/to/file.py:SPEC`.
"""

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from rlsuite.experiments import methods as our_methods
from rlsuite.experiments import worlds as our_worlds
from rlsuite.experiments.errors import ConfigError, UserError, closest, nearest
from rlsuite.experiments.specs import METHOD_NAME, MethodSpec, WorldFamily, WorldSpec
from rlsuite.experiments.usual_numbers import usual_numbers

METHODS_GROUP, WORLDS_GROUP = "rlsuite.methods", "rlsuite.worlds"


class Methods:
    """The methods that a command knows.

    Args:
      extra: specs that stand beside those found, from `main(specs=[…])`.

    Raises:
      UserError: if two have one name, or a name is none that can be typed and be a folder's.
    """

    def __init__(self, extra: Iterable[MethodSpec] = ()):
        self._specs: dict[str, MethodSpec] = {}
        self._points: dict[str, EntryPoint] = {}
        for spec in [*_our_specs(), *extra]:
            _require_plain(spec)
            self._require_new(spec.name)
            self._specs[spec.name] = spec
        # Loaded when they are asked for: what another package breaks is its own methods.
        for point in entry_points(group=METHODS_GROUP):
            self._require_new(point.name)
            self._points[point.name] = point

    def __iter__(self) -> Iterator[MethodSpec]:
        """All of them, those of other packages last."""
        return map(self.find, self.names)

    @property
    def names(self) -> list[str]:
        """Of all methods."""
        return [*self._specs, *self._points]

    def find(self, name: str) -> MethodSpec:
        """A method by its name, or by where it is: `package.module:SPEC`, `file.py:SPEC`.

        Raises:
          ConfigError: if there is none, it can't be imported, or its name is not allowed.
        """
        if name in self._specs:
            return self._specs[name]
        if name not in self._points and ":" not in name:
            raise ConfigError(nearest("method", name, self.names))
        place = self._points[name].value if name in self._points else name
        spec = named(place, MethodSpec)
        _require_plain(spec)
        if spec.name in self._specs and self._specs[spec.name] != spec:
            raise ConfigError(
                f"'{name}' calls itself '{spec.name}', as another method does; rename it"
            )
        return spec

    def reference(self, name: str) -> str:
        """What finds a method again elsewhere: its name or, for other packages' ones, its place."""
        return self._points[name].value if name in self._points else absolute(name)

    def _require_new(self, name: str) -> None:
        if name in self.names:
            raise UserError(f"two methods are called '{name}'; rename one of them")


def _require_plain(spec: MethodSpec) -> None:
    if not re.fullmatch(METHOD_NAME, spec.name):
        raise ConfigError(
            f"a method called '{spec.name}' is not allowed; its name must be a lower-case word"
        )


def find_world(name: str, parameters: Mapping[str, Any] | None = None) -> WorldSpec:
    """A world by its name.

    Args:
      name: a level distribution or a world, as `rlsuite list` shows them.
      parameters: values for some of its parameters.

    Raises:
      ConfigError: if the name or a parameter is unknown, or the world can't be made here.
    """
    for family in world_families():
        if name in family.names():
            # Kept by the families, and read by programs of such numbers.
            with usual_numbers():
                return family.make(name, parameters or {})
    suggestion = closest(name, world_names())
    hint = f"did you mean '{suggestion}'?" if suggestion else "see 'rlsuite list'"
    raise ConfigError(f"tasks: unknown name '{name}' ({hint})")


ALL_WORLDS = "all-worlds"


def worlds_called(words: Iterable[str]) -> list[str]:
    """Names of worlds from names, words for whole families, and `all-worlds`; each once, in order.

    Of all, worlds are left out for which something would have to be installed.

    Raises:
      ConfigError: if a word is unknown.
    """
    families = {family.word: family for family in world_families() if family.word}
    names: dict[str, None] = {}
    for word in words:
        if word in families:
            names |= dict.fromkeys(families[word].names())
        elif word == ALL_WORLDS:
            names |= dict.fromkeys(world_names())
        elif any(word in family.names() for family in world_families()):
            names[word] = None
        else:
            known = [*families, ALL_WORLDS, *world_names()]
            suggestion = closest(word, known)
            hint = f"did you mean '{suggestion}'?" if suggestion else "see 'rlsuite list'"
            raise ConfigError(f"worlds: unknown name '{word}' ({hint})")
    return list(names)


def world_names() -> list[str]:
    """Of all worlds that are there."""
    return [name for family in world_families() if family.is_there() for name in family.names()]


@cache
def world_families() -> tuple[WorldFamily, ...]:
    """All families of worlds: ours and those of installed packages."""
    ours = [module.FAMILY for module in _modules(our_worlds)]
    points = entry_points(group=WORLDS_GROUP)
    return (*ours, *(named(point.value, WorldFamily) for point in points))


def import_module(name: str) -> None:
    """Imports a module that registers worlds with gymnax.

    Raises:
      ConfigError: if it can't be imported, or registers nothing.
    """
    import gymnax

    before, were_there = set(gymnax.registered_envs), set(map(id, sys.modules.values()))
    module = _module(name)
    if id(module) not in were_there and set(gymnax.registered_envs) == before:
        raise ConfigError(f"import: '{name}' registers no world with gymnax")


def named(reference: str, kind: type) -> Any:
    """What `package.module:NAME` or `path/to/file.py:NAME` names.

    Raises:
      ConfigError: if it can't be imported, or is not of that kind.
    """
    module_name, _, attribute = reference.rpartition(":")
    found = getattr(_module(module_name), attribute, None) if module_name else None
    if not isinstance(found, kind):
        what = "nothing" if found is None else f"a {type(found).__name__}"
        raise ConfigError(f"'{reference}' names {what}; it must name a {kind.__name__}")
    return found


_FILES: dict[str, ModuleType] = {}


def _module(name: str) -> ModuleType:
    """A module by its name, also one in the current folder, or by its file."""
    try:
        if name.endswith(".py"):
            return _from_file(name)
        if "" not in sys.path:
            sys.path.insert(0, "")  # As `python -m` does it.
        return _of_a_file(name) or importlib.import_module(name)
    except (Exception, SystemExit) as error:  # A script may end the program.
        reason = f"{type(error).__name__}: {error}".split("\n")[0]
        raise ConfigError(f"'{name}' can't be imported ({reason})") from error


def _of_a_file(name: str) -> ModuleType | None:
    """A module that was named by its file before; none if it wasn't."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    return None if spec is None or spec.origin is None else _FILES.get(_real(spec.origin))


def absolute(name: str, folder: Path | None = None) -> str:
    """The name, with the whole path where it is a file's.

    Args:
      name: of a module or a file, and perhaps of what it has, after a colon.
      folder: from which a file is looked for; by default the one that the process is in.
    """
    file, colon, attribute = name.rpartition(":") if ":" in name else (name, "", "")
    if not file.endswith(".py"):
        return name
    return f"{_real(str((folder or Path()) / file))}{colon}{attribute}"


def _real(file: str) -> str:
    try:
        return os.path.realpath(file)
    except (OSError, ValueError) as error:
        raise ConfigError(f"'{file}' can't be imported ({error})") from error


def _from_file(name: str) -> ModuleType:
    path = Path(_real(name))
    if not path.is_file():  # Not a pipe, whose reader would wait for a writer.
        raise FileNotFoundError(f"no file: {name}")
    if str(path) not in _FILES and (imported := _imported_from(path)) is not None:
        _FILES[str(path)] = imported
    if str(path) not in _FILES:
        # A file may be called as a module that is there already: `random.py` in a user's folder.
        module_name = path.stem if path.stem not in sys.modules else str(path)
        spec = importlib.util.spec_from_file_location(module_name, path)
        if spec is None or spec.loader is None:
            raise ImportError(f"no Python file: {name}")
        module = importlib.util.module_from_spec(spec)
        sys.modules[spec.name] = module  # Where dataclasses look up their annotations.
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[spec.name]
            raise
        _FILES[str(path)] = module
    return _FILES[str(path)]


def _imported_from(path: Path) -> ModuleType | None:
    """The module of a file that has been imported by its name, if any has."""
    for module in list(sys.modules.values()):
        file = getattr(module, "__file__", None)
        if file and file.endswith(path.name) and _real(file) == str(path):
            return module
    return None


def _our_specs() -> list[MethodSpec]:
    return [spec for module in _modules(our_methods) for spec in module.SPECS]


def _modules(package: ModuleType) -> list[ModuleType]:
    return [
        importlib.import_module(f"{package.__name__}.{module.name}")
        for module in pkgutil.iter_modules(package.__path__)
    ]
