"""What jaxtyping's import hook checks annotations with."""

from typing import Annotated, Generic, get_args, get_origin

from beartype import BeartypeConf, beartype
from beartype.vale import IsInstance
from jaxtyping import AbstractArray

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
_known = {}
"""What checks, by what it checks."""


def checked(function):
    """The function, which checks its arguments and its result each time that it is called.

    Fields of pytrees are annotated as those of one example, while JAX makes them anew with batches
    in their place, or placeholders; so what makes them is left out.

    A function inside of another one is defined anew by each call of that, and what checks it takes
    milliseconds to make, a good part of what its tracing takes. So that is made once for functions
    that are called alike and annotated alike.
    """
    if function.__name__ == "__init__":
        return function
    key = _identity(function)
    if key not in _known:
        # The hook hands over a function of its own, made for checking alone.
        hints = function.__annotations__
        function.__annotations__ = {name: _readable(hint) for name, hint in hints.items()}
        # With it stay its defaults, so that no others are taken for them.
        _known[key] = _checked(function), function
    return _known[key][0]


def _readable(hint):
    """The hint, or, in place of a generic named tuple, which beartype can't read, its class."""
    kind = get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, tuple) and issubclass(kind, Generic):
        return Annotated[tuple, IsInstance[kind]]
    return hint


def _identity(function):
    """What is equal for functions that are checked alike; their defaults are checked as well."""
    defaults = (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())
    return (
        function.__module__,
        function.__qualname__,
        function.__code__,
        tuple((name, _meaning(hint)) for name, hint in function.__annotations__.items()),
        tuple(map(id, defaults)),
    )


def _meaning(hint):
    """What is equal for annotations that say the same: those of arrays are classes made anew."""
    if isinstance(hint, list):  # The arguments of what can be called.
        return tuple(map(_meaning, hint))
    if isinstance(hint, type) and issubclass(hint, AbstractArray) and hint is not AbstractArray:
        return AbstractArray, hint.dtype, _meaning(hint.array_type), hint.dim_str
    parts = get_args(hint)
    if parts:
        return get_origin(hint), tuple(map(_meaning, parts))
    return type(hint), hint  # 1 and True are equal, and either may be a literal.
