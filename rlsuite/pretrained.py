"""What was learned, for agents to learn by: what is shipped, and what others have exported.

`load("lpo").on(world)` says how agents learn on a world by it; `names()` are of what is shipped.
"""

from rlsuite.experiments.pretrained import Card, Pretrained, PretrainedError, load, names

__all__ = ["Card", "Pretrained", "PretrainedError", "load", "names"]
