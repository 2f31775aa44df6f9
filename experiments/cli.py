"""The `rlsuite` command.

Whatever needs JAX is imported by the command that uses it, so that `rlsuite --help` answers at
once.
"""

import argparse
import gc
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlsuite import __version__
from rlsuite.experiments.bench import BENCHMARKS
from rlsuite.experiments.errors import BAD_INPUT, UserError, nearest, say
from rlsuite.experiments.evaluate_options import (
    add_evaluate_options,
    evaluate_as_asked,
    join_settings,
    refuse_without_worlds,
    settings_in,
)
from rlsuite.experiments.files import reason
from rlsuite.experiments.interruption import INTERRUPTED, interrupting
from rlsuite.experiments.options import Parser, join_options, methods_of
from rlsuite.experiments.postponing import import_gymnax
from rlsuite.experiments.streams import outlets
from rlsuite.experiments.sweeping.command import FLAGS as SWEEP_FLAGS
from rlsuite.experiments.sweeping.command import add_parser as add_sweep
from rlsuite.experiments.train_command import FLAGS as TRAIN_FLAGS
from rlsuite.experiments.train_command import add_parsers as add_train

_FAREWELL = "what is printed can't be seen any more, so nothing more is; the command goes on"
# Commands that are over at once.
_BRIEF: tuple[list[str], ...] = ([], ["--help"], ["-h"], ["--version"], ["list"])
# Commands that import gymnax at once: others have hosts to meet before, or devices to leave alone.
_OF_WORLDS = ("evaluate", "export", "report", "compare", "list")
# Of commands with options that no parser knows, those that take no value.
_FLAGS = {"train": TRAIN_FLAGS, "sweep": SWEEP_FLAGS}


def main(argv: Sequence[str] | None = None, *, specs: Iterable[Any] = ()) -> int:
    """Runs one command line.

    Args:
      argv: the arguments after the command's name; those of the process if None.
      specs: methods (`MethodSpec`) that stand beside those that are found.

    Returns:
      The exit status: 0, 1 for a sweep of which jobs have failed, 2 for bad input (one line on
      stderr), 130 if interrupted.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    with outlets(_FAREWELL if argv[:1] not in _BRIEF else None):
        return _in_one_line(argv, tuple(specs))


def _in_one_line(argv: list[str], specs: tuple[Any, ...]) -> int:
    """The exit status; what ends a command is said in one line."""
    try:
        with interrupting():
            return _dispatch(argv, specs)
    except UserError as error:
        say(str(error))
    except OSError as error:
        where = f"'{error.filename}': " if error.filename else ""
        say(f"{where}{reason(error)}")
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    return BAD_INPUT


def _dispatch(argv: list[str], specs: tuple[Any, ...]) -> int:
    parser, commands = _parsers()
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        raise UserError(nearest("command", argv[0], commands))
    if argv and argv[0] in _FLAGS:
        argv = join_options(argv, _FLAGS[argv[0]])
    if argv[:1] == ["evaluate"]:
        argv = join_settings(argv)
    _check_words(argv)
    arguments, rest = parser.parse_known_args(
        argv, argparse.Namespace(specs=specs, takes_more=False)
    )
    command: Callable[[argparse.Namespace, list[str]], int] = arguments.run
    if rest and not arguments.takes_more:
        raise UserError(f"unknown argument '{rest[0]}'; see 'rlsuite {argv[0]} --help'")
    from rlsuite.experiments.usual_numbers import usual_numbers

    with usual_numbers(), _seldom_looking_for_cycles():
        if argv[0] in _OF_WORLDS:
            import_gymnax()
        return command(arguments, rest)


def _check_words(argv: Sequence[str]) -> None:
    """Refuses words that no command can have a use for."""
    for word in argv:
        if "\0" in word:
            raise UserError(f"'{word}' is not allowed; it must have no NUL character")
        if word == "--":
            raise UserError("unknown argument '--'; see 'rlsuite --help'")


@contextmanager
def _seldom_looking_for_cycles() -> Iterator[None]:
    """Tracing makes very many objects, of which few are garbage in cycles.

    To look for these as often as Python does by itself takes a tenth of the time before a run's
    first step.
    """
    usual = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _parsers() -> tuple[Parser, dict[str, Parser]]:
    parser = Parser(
        prog="rlsuite",
        description="Meta-learned objectives and environment design for reinforcement learning.",
    )
    parser.add_argument("--version", action="version", version=f"rlsuite {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    add_train(commands)

    evaluate = commands.add_parser(
        "evaluate", help="test what a run has learned, or anything by which agents learn, on worlds"
    )
    add_evaluate_options(evaluate)
    evaluate.set_defaults(run=_evaluate, takes_more=True)

    export = commands.add_parser(
        "export", help="write what a run has learned into a file that others can load"
    )
    export.add_argument("directory", metavar="DIR", type=Path, help="the run's folder")
    export.add_argument("--name", metavar="NAME", help="what it is called (default: the method)")
    export.add_argument(
        "--out", metavar="DIR", type=Path, default=Path(), help="where to write NAME.safetensors"
    )
    export.add_argument("--overwrite", action="store_true", help="replace files that are there")
    export.set_defaults(run=_export)

    report = commands.add_parser("report", help="write report.md of a run or a sweep, and figures")
    report.add_argument("directory", metavar="DIR", type=Path, help="the run's or sweep's folder")
    report.set_defaults(run=_report)

    compare = commands.add_parser("compare", help="set tested runs beside each other")
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

    add_sweep(commands)

    listing = commands.add_parser("list", help="list methods, presets, worlds and levels")
    listing.set_defaults(run=_list)
    return parser, commands.choices


def _evaluate(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.evaluate import evaluate
    from rlsuite.experiments.registry import import_module

    for module in arguments.imports:
        import_module(module)
    methods, settings = methods_of(arguments), settings_in(rest, arguments.worlds)
    if arguments.worlds is not None:
        _keep_compiled_programs()
        evaluate_as_asked(arguments, methods)
        return 0
    refuse_without_worlds(arguments, methods)
    directories = list(map(Path, [arguments.source, *arguments.against]))
    run, *rivals = _open_trained(arguments, directories)
    _keep_compiled_programs()
    evaluate(run, rivals, settings=settings)
    return 0


def _open_trained(arguments: argparse.Namespace, directories: Iterable[Path]) -> list[Any]:
    """The runs in folders, each of which has a checkpoint."""
    from rlsuite.experiments.finished import open_run

    methods, runs = methods_of(arguments), []
    for directory in directories:
        runs.append(open_run(directory, methods))
        runs[-1].require_checkpoint()
    return runs


def _export(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.pretrained import export

    (run,) = _open_trained(arguments, [arguments.directory])
    name = arguments.name or run.spec.name
    print(export(run, name, arguments.out, overwrite=arguments.overwrite))
    return 0


def _report(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.report import report
    from rlsuite.experiments.sweeping.folder import holds_sweep

    if holds_sweep(arguments.directory):
        from rlsuite.experiments.sweeping.reporting import report_sweep

        print(report_sweep(arguments.directory, methods_of(arguments)))
        return 0
    (run,) = _open_trained(arguments, [arguments.directory])
    print(report(run))
    return 0


def _compare(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.compare import compare
    from rlsuite.experiments.finished import open_run

    methods = methods_of(arguments)
    runs = [open_run(directory, methods) for directory in arguments.directories]
    for run in runs:
        if not run.lacks_checkpoints:  # Tests and metrics are enough, but whose they are is said.
            run.require_checkpoint()
    print(compare(runs, arguments.out))
    return 0


def _bench(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.bench.run import bench

    bench(arguments.names, arguments.json, num_agents=arguments.agents)
    return 0


def _list(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments import pretrained
    from rlsuite.experiments.registry import world_families
    from rlsuite.experiments.sweeping.grid import named_sweeps

    specs, families = list(methods_of(arguments)), world_families()
    print("methods, and the presets of each")
    print(_columns((spec.name, f"{spec.summary} ({', '.join(spec.presets)})") for spec in specs))
    shipped = _wrapped(pretrained.names())
    print(f"\npretrained objectives, for 'rlsuite evaluate' and rlsuite.pretrained.load\n{shipped}")
    by_hand = [spec.name for spec in specs if spec.by_hand is not None]
    print(f"\nmethods that 'rlsuite evaluate' takes by their names\n{_wrapped(by_hand)}")
    for family in filter(lambda family: family.is_there(), families):
        word = f" (together: '{family.word}')" if family.word else ""
        print(f"\n{family.title}{word}\n{_wrapped(family.names())}")
    print(f"\nsweeps\n{_wrapped(named_sweeps())}")
    return 0


def _benchmarks_listed() -> str:
    lines = _columns((name, benchmark.summary) for name, benchmark in BENCHMARKS.items())
    return f"benchmarks:\n{lines}\n\nNAME may also be package.module:BENCHMARK, somebody's own."


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    """Names, and beside the longest of them what is said of each."""
    lines = list(rows)
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in lines)


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
