"""Somebody else's package: a method and a world of their own, next to rlsuite, not inside it.

`rlsuite train newcomer.cross_entropy:SPEC laptop` trains the method on the world. Both are also the
skeletons in `docs/guides/`.
"""
