"""Families of benchmarks, a small package each, with its `BENCHMARKS`.

Whatever needs JAX lies in a family's modules, not in its `__init__`: the command's help reads that.
"""
