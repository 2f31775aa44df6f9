"""Where in somebody's code an operation of a program was asked for."""

import sysconfig
from pathlib import Path
from typing import Any

import jax
from jax.extend.core import JaxprEqn

_JAX = str(Path(jax.__file__).parent)
_OWN = str(Path(__file__).parent.parent)
_LIBRARIES = tuple({sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")})


UNKNOWN = "an unknown place"
"""Of what no code but JAX's own has asked for, as within compiled functions of `jax.numpy`."""


def place(equation: JaxprEqn) -> str:
    """File, line and function: `agents.py:98 (step)`.

    It is the innermost line of code outside of JAX. Where that is a library's, the innermost line
    that called the library follows: `transform.py:30 (update), from agents.py:98 (step)`.
    """
    traceback = equation.source_info.traceback
    frames: list[Any] = list(filter(_is_shown, traceback.frames)) if traceback else []
    if not frames:
        return UNKNOWN
    own = next((frame for frame in frames if not _is_of_library(frame)), frames[0])
    shown = [frames[0]] if own is frames[0] else [frames[0], own]
    return ", from ".join(
        f"{frame.file_name}:{frame.line_num} ({frame.function_name})" for frame in shown
    )


def _is_shown(frame: Any) -> bool:
    file = frame.file_name
    return not (file.startswith((_JAX, "<")) or file == __file__ or "/jaxtyping/" in file)


def _is_of_library(frame: Any) -> bool:
    file = frame.file_name
    return file.startswith(_LIBRARIES) and not file.startswith(_OWN)
