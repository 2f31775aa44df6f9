"""What jaxtyping's import hook checks annotations with."""

from beartype import BeartypeConf, beartype

_checked = beartype(conf=BeartypeConf(is_pep484_tower=True))


def checked(function):
    """The function, which checks its arguments and its result each time that it is called.

    Fields of pytrees are annotated as those of one example, while JAX makes them anew with batches
    in their place, or placeholders; so what makes them is left out.
    """
    return function if function.__name__ == "__init__" else _checked(function)
