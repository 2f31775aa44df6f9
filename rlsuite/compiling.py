"""How programs are compiled: well, and no longer than it pays."""

from collections.abc import Callable
from typing import Any, Literal

import jax

from rlsuite.requirements import named

Program = Literal["usual", "large", "once"]
"""What kind of program is compiled, which says how much of a compiler's work pays for it."""


def jit(
    function: Callable[..., Any], *, program: Program = "usual", **options: Any
) -> jax.stages.Wrapped:
    """`jax.jit` that spends no more on compiling for a CPU than it gets back.

    On other devices it is `jax.jit`. On a CPU, where compiling a whole experiment easily takes
    longer than a short run of it, the kinds of program differ:

    - `usual`: compiled faster than by default, to code as fast.
    - `large`: meta-gradients (`meta_gradient`, LPG, GROOVE). Such programs are a thousand small
      loops around a few large matrix products. XLA's newer fusion emitters take most of the compile
      time and a gigabyte for them, and gain nothing; without them it is less than half. Programs of
      small products alone are twice as fast with them (measured in docs/performance.md).
    - `once`: what runs once, such as a first state: compiled several times faster, to slower code.

    Where JAX is told to compile quickly (`jax_disable_most_optimizations`), so is all of it.

    Args:
      function: what to compile, for example `train(method, num_steps)`.
      program: what kind of program it is.
      **options: of `jax.jit`, such as `donate_argnums`.

    Raises:
      ValueError: if the kind of program is unknown.
    """
    of_cpu = named("program", program, _CPU_OPTIONS)
    compiles_well = not jax.config.read("jax_disable_most_optimizations")
    on_cpu = jax.default_backend() == "cpu"
    compiler_options = of_cpu if on_cpu and compiles_well else None
    return jax.jit(function, compiler_options=compiler_options, **options)


_CPU_OPTIONS: dict[str, dict[str, Any]] = {
    "usual": {"xla_cpu_use_fusion_emitters": True, "xla_backend_optimization_level": 2},
    "large": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 2},
    "once": {"xla_cpu_use_fusion_emitters": False, "xla_backend_optimization_level": 0},
}
