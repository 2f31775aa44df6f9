"""What jaxtyping's import hook checks annotations with."""

from typing import Annotated, Generic, get_origin

from beartype import BeartypeConf, beartype
from beartype.vale import IsInstance

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    """The function, which checks its arguments and its result each time that it is called.

    Fields of pytrees are annotated as those of one example, while JAX makes them anew with batches
    in their place, or placeholders; so what makes them is left out.
    """
    if function.__name__ == "__init__":
        return function
    # The hook hands over a function of its own, made for checking alone.
    hints = function.__annotations__
    function.__annotations__ = {name: _readable(hint) for name, hint in hints.items()}
    return _checked(function)


def _readable(hint):
    """The hint, or, in place of a generic named tuple, which beartype can't read, its class."""
    kind = get_origin(hint) or hint
    if isinstance(kind, type) and issubclass(kind, tuple) and issubclass(kind, Generic):
        return Annotated[tuple, IsInstance[kind]]
    return hint
