"""Calls of linear algebra in lowered programs."""

import re

_ALGEBRA = re.compile(
    r"(custom_call @\S*(lapack|cusolver|cublas|Qr|Eigh|Householder|Svd|Cholesky|Schur|LuDecomp)"
    r"|stablehlo\.(cholesky|triangular_solve)\b)",
    re.IGNORECASE,
)
_TENSOR = re.compile(r"tensor<((?:\d+x)+)[a-z]")


def algebra(module):
    """The shapes of what each call of a decomposition or a solver reads and returns.

    Of a module of MLIR, as text.
    """
    return [
        [tuple(map(int, shape.rstrip("x").split("x"))) for shape in _TENSOR.findall(_types(line))]
        for line in module.split("\n")
        if _ALGEBRA.search(line)
    ]


def _types(line):
    """The part of a line with the types: attributes of a call hold tensors of their own."""
    return line[line.rindex(" : (") :]
