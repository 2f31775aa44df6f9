"""What each operation of a program does, and whether it is computed where its result is read."""

import math
from typing import Any

import jax
from jax.extend.core import JaxprEqn, Literal

from rlsuite.experiments.costs.work import Product, Work

TRANSCENDENTAL = frozenset(
    (
        *("exp", "exp2", "expm1", "log", "log1p", "tanh", "logistic", "sqrt", "rsqrt", "cbrt"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "pow"),
        *("erf", "erf_inv", "erfc", "lgamma", "digamma", "igamma"),
    )
)
ARRANGING = frozenset(
    (
        *("broadcast_in_dim", "reshape", "squeeze", "expand_dims", "transpose", "slice", "iota"),
        *("stop_gradient", "copy", "copy_p", "bitcast_convert_type", "split", "pad", "rev"),
        *("concatenate", "stack", "unstack", "optimization_barrier", "random_wrap"),
        *("random_unwrap", "platform_index", "sharding_constraint", "reduce_precision"),
    )
)
"""Operations that compute nothing and only say where numbers lie."""
PARTIAL = frozenset(("slice", "gather", "dynamic_slice", "split", "unstack", "squeeze"))
"""Operations that read no more of an array than they return."""
DRAWING = frozenset(
    ("random_bits", "random_split", "random_fold_in", "random_seed", "threefry2x32")
)
DECOMPOSING = frozenset(("qr", "geqrf", "householder_product", "eigh", "svd", "cholesky", "lu"))
SORTING = frozenset(("sort", "top_k", "approx_top_k"))
NEEDING_ARRAYS = frozenset(
    (
        *("dot_general", "conv_general_dilated", "triangular_solve"),
        *(*DECOMPOSING, *SORTING),
    )
)
"""Operations of what has been written before."""
_WRITING = NEEDING_ARRAYS | DRAWING | {"dynamic_update_slice"}
_REDUCING = ("reduce", "arg", "cum", "scatter")
_DECOMPOSING_PART = {"cholesky": 1 / 6, "lu": 1 / 3}
"""Of 2 n³ operations, those of decompositions that take fewer (Golub and Van Loan)."""


def shape_of(var: Any) -> tuple[int, ...]:
    """The shape of an array."""
    return var.aval.shape


def size_of(var: Any) -> int:
    """How many numbers an array has."""
    return math.prod(shape_of(var))


def bytes_of(var: Any) -> int:
    """How many bytes an array takes; a literal takes none."""
    return 0 if isinstance(var, Literal) else size_of(var) * _itemsize(var)


def _itemsize(var: Any) -> int:
    return var.aval.dtype.itemsize


def is_fused(name: str) -> bool:
    """Whether an operation is computed where its result is read, as compilers do it."""
    if name == "reduce_precision":
        return True
    return name not in _WRITING and not name.startswith(_REDUCING)


def add_operation(work: Work, operation: JaxprEqn) -> None:
    """Adds what an operation computes; what it reads and writes is its surroundings' to say."""
    name, result = operation.primitive.name, operation.outvars[0]
    size = size_of(result)
    if name in TRANSCENDENTAL:
        work.transcendental += size
        work.elementwise += 3 * size if name == "logistic" else 0
    elif name == "dot_general":
        work.products[_product(operation)] += 1
    elif name == "conv_general_dilated":
        work.products[_convolution(operation)] += 1
    elif name in DRAWING:
        work.random += sum(bytes_of(var) for var in operation.outvars) / 4
        work.draws += 1
    elif name in SORTING:
        shape = shape_of(operation.invars[0])
        length = shape[operation.params.get("dimension", -1)]
        work.sorted += math.prod(shape) * max(math.log2(max(length, 2)), 1)
    elif name in DECOMPOSING:
        *batch, rows, columns = shape_of(operation.invars[0])
        part = _DECOMPOSING_PART.get(name, 1)
        work.decomposed += part * 2 * math.prod(batch) * rows * columns * min(rows, columns)
    elif name == "triangular_solve":
        work.decomposed += shape_of(operation.invars[0])[-1] * size
    elif name.startswith("scatter"):
        updates = size_of(operation.invars[2])
        work.indexed += updates
        work.elementwise += updates if name != "scatter" else 0
    elif name in ("gather", "dynamic_slice", "dynamic_update_slice"):
        work.indexed += size if name == "gather" else 0
    elif name in ("argmax", "argmin"):
        work.elementwise += 8 * (size_of(operation.invars[0]) - size)
    elif name.startswith("reduce_window"):
        work.elementwise += size * (math.prod(operation.params["window_dimensions"]) - 1)
    elif name == "reduce":
        each = len(operation.params["jaxpr"].eqns)
        work.elementwise += each * (size_of(operation.invars[0]) - size)
    elif name.startswith("reduce_"):
        work.elementwise += size_of(operation.invars[0]) - size
    elif name == "integer_pow":
        power = abs(operation.params["y"])
        work.elementwise += size * max(int(math.log2(max(power, 1))) + power.bit_count() - 1, 0)
    elif name not in ARRANGING:
        work.elementwise += size


def _product(operation: JaxprEqn) -> Product:
    (contracted, _), (batched, _) = operation.params["dimension_numbers"]
    left, right = map(shape_of, operation.invars)
    batch = math.prod(left[axis] for axis in batched)
    depth = math.prod(left[axis] for axis in contracted)
    shared = max(batch * depth, 1)
    rows, columns = math.prod(left) // shared, math.prod(right) // shared
    return Product(batch, rows, columns, depth, _precision(operation))


def _convolution(operation: JaxprEqn) -> Product:
    numbers = operation.params["dimension_numbers"]
    kernel = shape_of(operation.invars[1])
    features = kernel[numbers.rhs_spec[0]]
    depth = math.prod(kernel) // max(features, 1)
    rows = size_of(operation.outvars[0]) // max(features, 1)
    return Product(1, rows, features, depth, _precision(operation))


def _precision(operation: JaxprEqn) -> str:
    if any(_itemsize(var) == 2 for var in operation.invars):
        return "bf16"
    asked = operation.params.get("precision")
    first = asked[0] if isinstance(asked, tuple) else asked
    if first is None or first is jax.lax.Precision.DEFAULT:
        return "default"
    if first is jax.lax.Precision.HIGH:
        return "tf32"
    text = str(first).upper()
    return next((kind for kind in ("bf16", "tf32") if kind.upper() in text), "float32")
