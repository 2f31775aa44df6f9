"""What a run waits for before its first step, and the memory of its steps, in fresh processes.

Like `processes`, this module leaves the devices alone.
"""

from collections.abc import Sequence
from tempfile import TemporaryDirectory

from rlsuite.experiments.bench.benchmark import Figures
from rlsuite.experiments.bench.processes import in_fresh_process

_MEASURED = f"{__package__}.meta_step"


def compilation(
    methods: Sequence[str] = ("lpg", "groove"), num_agents: int = 16, size: str = "paper"
) -> Figures:
    """The wait before the first step, with an empty cache of compiled programs and a filled one.

    Args:
      methods: whose steps are compiled.
      num_agents: agents side by side.
      size: the presets' name.
    """
    figures = {}
    for method in methods:
        with TemporaryDirectory() as cache:
            for temperature in ("cold", "warm"):
                seconds = in_fresh_process(
                    f"{_MEASURED}:compile_seconds",
                    jax_options={
                        "jax_enable_compilation_cache": True,
                        "jax_compilation_cache_dir": cache,
                    },
                    method=method,
                    num_agents=num_agents,
                    size=size,
                )
                for phase, value in seconds.items():
                    figures[f"{method}_{temperature}_cache_{phase}_seconds"] = value
    return figures


def memory(numbers_of_agents: Sequence[int] = (16, 256), size: str = "paper") -> Figures:
    """Megabytes that three of LPG's steps take, and their ratios.

    Args:
      numbers_of_agents: side by side, the smallest first.
      size: the preset's name.
    """
    smallest, *others = numbers_of_agents
    use = {
        num_agents: in_fresh_process(
            f"{_MEASURED}:memory_use",
            # A program read from the cache would leave out what compiling it takes.
            jax_options={"jax_enable_compilation_cache": False},
            num_agents=num_agents,
            size=size,
        )
        for num_agents in numbers_of_agents
    }
    return {
        **{
            f"{kind}_megabytes_at_{num_agents}_agents": megabytes
            for num_agents, figures in use.items()
            for kind, megabytes in figures.items()
        },
        **{
            f"{kind}_memory_ratio_of_{num_agents}_to_{smallest}_agents": (
                megabytes / use[smallest][kind]
            )
            for num_agents in others
            for kind, megabytes in use[num_agents].items()
        },
    }
