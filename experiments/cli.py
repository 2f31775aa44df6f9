"""The `rlsuite` command.

Whatever needs JAX is imported by the command that uses it, so that `rlsuite --help` answers at
once.
"""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rlsuite import __version__
from rlsuite.experiments.arguments import add_options, full_name, join_options, leaves, override
from rlsuite.experiments.bench import BENCHMARKS
from rlsuite.experiments.errors import UserError, nearest

BAD_INPUT = 2
INTERRUPTED = 130
_TRAIN_FLAGS = ("--help", "--overwrite")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line.

    Args:
      argv: the arguments after the command's name; those of the process if None.

    Returns:
      The exit status: 0, 2 for bad input (one line on stderr), 130 if interrupted.
    """
    try:
        return _dispatch(list(sys.argv[1:] if argv is None else argv))
    except UserError as error:
        print("rlsuite:", *str(error).split("\n"), file=sys.stderr)
        return BAD_INPUT
    except KeyboardInterrupt:
        print("rlsuite: interrupted", file=sys.stderr)
        return INTERRUPTED


class _Parser(argparse.ArgumentParser):
    """A parser that reports bad input as every other part of the suite does."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def _dispatch(argv: list[str]) -> int:
    parser, commands = _parsers()
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        raise UserError(nearest("command", argv[0], commands))
    if argv[:1] == ["train"]:
        argv = join_options(argv, _TRAIN_FLAGS)
    arguments, rest = parser.parse_known_args(argv)
    command: Callable[[argparse.Namespace, list[str]], int] = arguments.run
    if rest and command is not _train:
        raise UserError(f"unknown argument '{rest[0]}'; see 'rlsuite {argv[0]} --help'")
    return command(arguments, rest)


def _parsers() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(
        prog="rlsuite",
        description="Meta-learned objectives and environment design for reinforcement learning.",
    )
    parser.add_argument("--version", action="version", version=f"rlsuite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    train = commands.add_parser("train", help="start a run", add_help=False)
    train.add_argument("method", metavar="METHOD", nargs="?", help="see 'rlsuite list'")
    train.add_argument("preset", metavar="PRESET", nargs="?", help="see 'rlsuite list'")
    _add_train_options(train)
    train.set_defaults(run=_train, parser=train)

    resume = commands.add_parser("resume", help="continue a run that was interrupted")
    resume.add_argument("directory", metavar="DIR", type=Path, help="the run's folder")
    resume.set_defaults(run=_resume)

    evaluate = commands.add_parser("evaluate", help="meta-test what a run has learned")
    evaluate.add_argument("directory", metavar="DIR", type=Path, help="the run's folder")
    evaluate.add_argument(
        "--against", metavar="DIR", type=Path, nargs="+", default=[], help="runs to compare with"
    )
    evaluate.set_defaults(run=_evaluate)

    report = commands.add_parser("report", help="write a run's report.md and its figures")
    report.add_argument("directory", metavar="DIR", type=Path, help="the run's folder")
    report.set_defaults(run=_report)

    compare = commands.add_parser("compare", help="set meta-tested runs beside each other")
    compare.add_argument("directories", metavar="DIR", type=Path, nargs="+", help="runs' folders")
    compare.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="where to write comparison.md"
    )
    compare.set_defaults(run=_compare)

    bench = commands.add_parser(
        "bench",
        help="measure speed",
        epilog=_benchmarks_listed(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    bench.add_argument("names", metavar="NAME", nargs="*", help="see below; all if none is named")
    takers = " and ".join(name for name, benchmark in BENCHMARKS.items() if benchmark.takes_agents)
    bench.add_argument("--agents", metavar="N", type=int, help=f"agents of {takers}")
    bench.add_argument("--json", metavar="FILE", type=Path, help="also write the figures here")
    bench.set_defaults(run=_bench)

    listing = commands.add_parser("list", help="list methods, presets, worlds and levels")
    listing.set_defaults(run=_list)
    return parser, commands.choices


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-h",
        "--help",
        action="store_true",
        help="show this message; after METHOD and PRESET, also every field and its default",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="the run's folder (default: runs/METHOD-PRESET-seedSEED)",
    )
    parser.add_argument(
        "--world",
        metavar="NAME",
        help="cartpole, pendulum, reacher or breakout: short for --tasks in cheap talk's worlds",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the run that the folder holds"
    )


def _train(arguments: argparse.Namespace, rest: list[str]) -> int:
    if arguments.help and arguments.preset is None:
        arguments.parser.print_help()
        print("\nAny field of the configuration is an option too: --seed 1 --steps 100 …")
        return 0
    if arguments.preset is None:
        raise UserError("a method and a preset are needed, as in 'rlsuite train groove laptop'")

    from rlsuite.experiments.presets import preset
    from rlsuite.experiments.presets_act import world_name
    from rlsuite.experiments.validation import validate

    config = preset(arguments.method, arguments.preset)
    prog = f"rlsuite train {arguments.method} {arguments.preset}"
    if arguments.help:
        parser = _Parser(prog=prog, usage=f"{prog} [options]", add_help=False)
        _add_train_options(parser)
        add_options(parser, config)
        parser.print_help()
        return 0
    texts = _field_texts(rest, config)
    if arguments.world is not None:
        texts["tasks"] = world_name(arguments.world)
    config = override(preset(arguments.method, arguments.preset, texts.get("tasks")), texts)
    validate(config)

    from rlsuite.experiments import storage
    from rlsuite.experiments.build import build

    name = f"{arguments.method}-{arguments.preset}-seed{config.seed}"
    directory = arguments.out or Path("runs") / name
    storage.check_free(directory, overwrite=arguments.overwrite)
    experiment = build(config)
    _keep_compiled_programs()
    storage.create_run(directory, arguments.method, arguments.preset, config)
    return _run_to_the_end(experiment, config, directory)


def _field_texts(rest: list[str], config: Any) -> dict[str, str]:
    """Dotted names and texts from what is left of the command line, `--name=text` each."""
    known = leaves(config)
    texts = {}
    for argument in rest:
        name, equals, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            raise UserError(f"unknown argument '{argument}'; see 'rlsuite train --help'")
        name = full_name(name, known)
        if not equals:
            raise UserError(f"{name}: a value is missing, as in '--{name} VALUE'")
        texts[name] = text
    return texts


def _resume(arguments: argparse.Namespace, rest: list[str]) -> int:
    directory = arguments.directory

    from rlsuite.experiments import storage
    from rlsuite.experiments.build import build

    config = storage.read_config(directory)
    with storage.Checkpoints(directory) as checkpoints:
        is_finished = (checkpoints.latest_step() or 0) >= config.steps
    if is_finished and (directory / "report.md").exists():
        print(f"'{directory}' is already at its last step, {config.steps}.")
        _say_what_next(directory)
        return 0
    _keep_compiled_programs()
    return _run_to_the_end(build(config), config, directory)


def _run_to_the_end(experiment: Any, config: Any, directory: Path) -> int:
    from rich.console import Console

    from rlsuite.experiments.report import report
    from rlsuite.experiments.runner import run

    outcome = run(experiment, config, directory, console=Console())
    if not outcome.finished:
        print(
            f"stopped at step {outcome.step} of {config.steps}; "
            f"continue with: rlsuite resume {directory}"
        )
        return INTERRUPTED
    report(directory)
    print(f"finished {config.steps} steps; the run is in {directory}")
    _say_what_next(directory)
    return 0


def _say_what_next(directory: Path) -> None:
    print(f"  read it:      {directory / 'report.md'}")
    print(f"  meta-test it: rlsuite evaluate {directory}")
    print(f"  watch curves: tensorboard --logdir {directory}")


def _evaluate(arguments: argparse.Namespace, rest: list[str]) -> int:
    for directory in (arguments.directory, *arguments.against):
        _require_checkpoint(directory)
    _keep_compiled_programs()
    from rlsuite.experiments.evaluate import evaluate

    evaluate(arguments.directory, arguments.against)
    return 0


def _require_checkpoint(directory: Path) -> None:
    from rlsuite.experiments.storage import Checkpoints, read_document

    read_document(directory)
    with Checkpoints(directory) as checkpoints:
        if checkpoints.latest_step() is None:
            raise UserError(f"'{directory}' holds no checkpoint yet; 'rlsuite resume {directory}'")


def _report(arguments: argparse.Namespace, rest: list[str]) -> int:
    _require_checkpoint(arguments.directory)
    from rlsuite.experiments.report import report

    report(arguments.directory)
    print(arguments.directory / "report.md")
    return 0


def _compare(arguments: argparse.Namespace, rest: list[str]) -> int:
    for directory in arguments.directories:
        _require_checkpoint(directory)
    from rlsuite.experiments.compare import compare

    print(compare(arguments.directories, arguments.out))
    return 0


def _bench(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.bench.run import bench

    bench(arguments.names, arguments.json, num_agents=arguments.agents)
    return 0


def _list(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.envs.gridworld.levels import LEVEL_DISTRIBUTIONS
    from rlsuite.experiments.configs import METHODS
    from rlsuite.experiments.presets import NAMES
    from rlsuite.experiments.tasks import worlds

    print("methods")
    for name, method in METHODS.items():
        print(f"  {name:<10} {method.summary}")
    print("\npresets\n  " + ", ".join(NAMES))
    print(f"\nlevel distributions of the grid world\n{_wrapped(LEVEL_DISTRIBUTIONS)}")
    print(f"\nworlds of gymnax, and of brax where it is installed\n{_wrapped(worlds())}")
    return 0


def _benchmarks_listed() -> str:
    lines = (f"  {name:<12} {benchmark.summary}" for name, benchmark in BENCHMARKS.items())
    return "\n".join(["benchmarks:", *lines])


def _wrapped(names: Iterable[str]) -> str:
    return textwrap.fill(
        ", ".join(names),
        width=88,
        initial_indent="  ",
        subsequent_indent="  ",
        break_on_hyphens=False,
    )


def _keep_compiled_programs() -> None:
    from rlsuite.experiments.compiling import enable_compilation_cache

    enable_compilation_cache()
