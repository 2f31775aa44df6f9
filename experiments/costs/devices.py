"""Accelerators as their makers describe them, and a roofline over them."""

from collections.abc import Mapping
from typing import NamedTuple

from rlsuite.experiments.costs.work import Body, Product, Work


class Device(NamedTuple):
    """An accelerator.

    Attributes:
      name: what it is called.
      products: operations per second of products of matrices, by the precision of their factors.
      default: the precision in which it multiplies where a program doesn't say.
      vector: operations per second outside of products.
      bandwidth: bytes of its memory read or written in a second.
      memory: bytes.
      kernel: seconds that it takes to start a program.
    """

    name: str
    products: Mapping[str, float]
    default: str
    vector: float
    bandwidth: float
    memory: int
    kernel: float

    def seconds(self, bodies: tuple[Body, ...]) -> float:
        """A lower bound: of each body, the slower of computing and moving, and what is started."""
        return sum(body.times * self._of_one(body.work) for body in bodies)

    def _of_one(self, work: Work) -> float:
        products = sum(
            each.operations * number / self._rate(each) for each, number in work.products.items()
        )
        others = (
            work.elementwise
            + work.decomposed
            + work.sorted
            + _OF_A_TRANSCENDENTAL * work.transcendental
            + _OF_A_RANDOM_NUMBER * work.random
        )
        computing = products + others / self.vector
        moving = work.bytes_moved / self.bandwidth
        return max(computing, moving) + self.kernel * (work.kernels + work.turns)

    def _rate(self, product: Product) -> float:
        asked = self.default if product.precision == "default" else product.precision
        return self.products[asked]


_OF_A_TRANSCENDENTAL = 4
"""Special-function units are a quarter as many as cores on GPUs."""
_OF_A_RANDOM_NUMBER = 50
"""Threefry takes 20 rounds of five operations for two numbers."""
_GPU_KERNEL, _TPU_KERNEL = 3e-6, 1e-6
"""Not from data sheets: what a started program costs in a row of many. Turns of loops whose end is
computed cost a GPU several times as much."""

# Dense, without sparsity. Float32 products on a GPU run on its plain cores.
DEVICES = (
    Device(  # NVIDIA A100 Tensor Core GPU data sheet, SXM, 80 GB.
        "A100",
        {"float32": 19.5e12, "tf32": 156e12, "bf16": 312e12},
        "tf32",
        19.5e12,
        2.039e12,
        80 * 10**9,
        _GPU_KERNEL,
    ),
    Device(  # NVIDIA H100 Tensor Core GPU data sheet, SXM; with sparsity it says twice as much.
        "H100",
        {"float32": 67e12, "tf32": 494.5e12, "bf16": 989.5e12},
        "tf32",
        67e12,
        3.35e12,
        80 * 10**9,
        _GPU_KERNEL,
    ),
    Device(  # NVIDIA H200 Tensor Core GPU data sheet, SXM; likewise.
        "H200",
        {"float32": 67e12, "tf32": 494.5e12, "bf16": 989.5e12},
        "tf32",
        67e12,
        4.8e12,
        141 * 10**9,
        _GPU_KERNEL,
    ),
    # Cloud TPU v5e documentation. It multiplies in bfloat16, float32 in six passes. Of its vector
    # unit nothing is published: four operations a cycle in 8 × 128 lanes at 1.5 GHz are assumed.
    Device(
        "TPU v5e",
        {"float32": 197e12 / 6, "tf32": 197e12 / 3, "bf16": 197e12},
        "bf16",
        6.1e12,
        0.819e12,
        16 * 10**9,
        _TPU_KERNEL,
    ),
)
