"""What a program does, by kind, so that a device's rates turn it into seconds."""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Product(NamedTuple):
    """A product of matrices, or several of one shape.

    Attributes:
      batch: how many.
      rows: of the left factor.
      columns: of the right one.
      depth: what is summed over.
      precision: "float32", "tf32", "bf16", or "default" for what the device takes by itself.
    """

    batch: int
    rows: int
    columns: int
    depth: int
    precision: str

    @property
    def operations(self) -> int:
        """Multiplications and additions."""
        return 2 * self.batch * self.rows * self.columns * self.depth


@dataclass
class Work:
    """What some operations do together.

    Attributes:
      elementwise: operations on single numbers, sums of reductions among them.
      transcendental: exponentials, logarithms, roots, trigonometric and hyperbolic functions.
      random: numbers drawn, of 32 bits.
      sorted: comparisons of sorting, n log₂ n of n numbers.
      indexed: numbers read or written where an index says.
      decomposed: operations of decompositions of matrices.
      products: products of matrices, with how often each is made.
      traffic: bytes read and written by the binary logarithm of the size of the array they are of.
      kernels: programs that a device starts, after what can be computed where it is read is.
      draws: calls of the random number generator.
      turns: of loops.
    """

    elementwise: float = 0.0
    transcendental: float = 0.0
    random: float = 0.0
    sorted: float = 0.0
    indexed: float = 0.0
    decomposed: float = 0.0
    products: defaultdict[Product, float] = field(default_factory=lambda: defaultdict(float))
    traffic: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    kernels: float = 0.0
    draws: float = 0.0
    turns: float = 0.0

    @property
    def operations(self) -> float:
        """Floating-point operations as XLA counts them, transcendental ones left out."""
        products = sum(product.operations * times for product, times in self.products.items())
        return self.elementwise + self.decomposed + products

    @property
    def bytes_moved(self) -> float:
        """Bytes read and written."""
        return float(sum(self.traffic.values()))

    def move(self, num_bytes: float, of_size: float) -> None:
        """Reads or writes bytes of an array."""
        self.traffic[max(math.ceil(math.log2(max(of_size, 1))), 0)] += num_bytes

    def add(self, other: "Work", times: float = 1.0) -> None:
        """Does what another one does, some times over."""
        for name in SCALARS:
            setattr(self, name, getattr(self, name) + times * getattr(other, name))
        for product, number in other.products.items():
            self.products[product] += number * times
        for size, number in other.traffic.items():
            self.traffic[size] += number * times


SCALARS = (
    *("elementwise", "transcendental", "random", "sorted", "indexed", "decomposed"),
    *("kernels", "draws", "turns"),
)


class Body(NamedTuple):
    """The operations of a program's top, or of one turn of a loop, without those of inner loops.

    Attributes:
      name: of the loop, with those it lies in.
      times: how often it is gone through.
      work: of one time.
    """

    name: str
    times: float
    work: Work


class Count(NamedTuple):
    """What a program does.

    Attributes:
      bodies: of all loops, outermost first.
      unknown: loops whose turns depend on what is computed, with the turns that were taken for it.
      equations: operations that are compiled.
    """

    bodies: tuple[Body, ...]
    unknown: Mapping[str, float]
    equations: int

    @property
    def total(self) -> Work:
        """All of it together."""
        return together(self.bodies)


def together(bodies: Iterable[Body]) -> Work:
    """The work of some bodies, as often as each is gone through."""
    total = Work()
    for body in bodies:
        total.add(body.work, body.times)
    return total
