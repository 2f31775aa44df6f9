"""The `rlsuite` command.

Whatever needs JAX is imported by the command that uses it, so that `rlsuite --help` answers at
once.
"""

import argparse
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from rlsuite import __version__
from rlsuite.experiments.bench import BENCHMARKS
from rlsuite.experiments.errors import BAD_INPUT, UserError, nearest, say
from rlsuite.experiments.evaluate_options import (
    add_evaluate_options,
    evaluate_as_asked,
    refuse_without_worlds,
)
from rlsuite.experiments.files import reason
from rlsuite.experiments.interruption import INTERRUPTED, interrupting
from rlsuite.experiments.options import add_import_option, join_options
from rlsuite.experiments.streams import outlets
from rlsuite.experiments.sweeping.command import FLAGS as SWEEP_FLAGS
from rlsuite.experiments.sweeping.command import add_parser as add_sweep

_FAREWELL = "what is printed can't be seen any more, so nothing more is; the command goes on"
# Commands that are over at once.
_BRIEF: tuple[list[str], ...] = ([], ["--help"], ["-h"], ["--version"], ["list"])
# Of commands with options that no parser knows, those that take no value.
_FLAGS = {"train": ("--help", "--overwrite", "--debug_nans", "--dry_run"), "sweep": SWEEP_FLAGS}
_PARAMETER_PREFIX = "tasks."
# Fields that have moved, by the names that scripts still have for them.
_MOVED = {
    "meta.num_workers": "life.num_workers",
    "meta.rollout_length": "life.rollout_length",
}


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


class _Parser(argparse.ArgumentParser):
    """A parser that reports bad input as every other part of the suite does."""

    def __init__(self, **options: Any):
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UserError(message)


def _dispatch(argv: list[str], specs: tuple[Any, ...]) -> int:
    parser, commands = _parsers()
    if argv and not argv[0].startswith("-") and argv[0] not in commands:
        raise UserError(nearest("command", argv[0], commands))
    if argv and argv[0] in _FLAGS:
        argv = join_options(argv, _FLAGS[argv[0]])
    _check_words(argv)
    arguments, rest = parser.parse_known_args(
        argv, argparse.Namespace(specs=specs, takes_more=False)
    )
    command: Callable[[argparse.Namespace, list[str]], int] = arguments.run
    if rest and not arguments.takes_more:
        raise UserError(f"unknown argument '{rest[0]}'; see 'rlsuite {argv[0]} --help'")
    with _single_precision():
        return command(arguments, rest)


def _check_words(argv: Sequence[str]) -> None:
    """Refuses words that no command can have a use for."""
    for word in argv:
        if "\0" in word:
            raise UserError(f"'{word}' is not allowed; it must have no NUL character")
        if word == "--":
            raise UserError("unknown argument '--'; see 'rlsuite --help'")


@contextmanager
def _single_precision() -> Iterator[None]:
    """JAX in 32 bits, which is what the suite computes in, whatever the process is set to."""
    import jax

    with jax.enable_x64(False):
        yield


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
    train.set_defaults(run=_train, parser=train, takes_more=True)

    resume = commands.add_parser(
        "resume", help="continue a run that was interrupted, or is to go on"
    )
    resume.add_argument(
        "directories",
        metavar="DIR",
        type=Path,
        nargs="+",
        help="the run's folder; several that differ in their seeds alone go on side by side",
    )
    resume.add_argument(
        "--steps", metavar="N", help="the step to train up to, in place of the run's own last one"
    )
    _add_running_options(resume)
    resume.set_defaults(run=_resume)

    evaluate = commands.add_parser(
        "evaluate", help="test what a run has learned, or anything by which agents learn, on worlds"
    )
    add_evaluate_options(evaluate)
    evaluate.set_defaults(run=_evaluate)

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


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-h",
        "--help",
        action="store_true",
        help="show this message; after METHOD and PRESET, also every field, its range and default",
    )
    parser.add_argument(
        "--out",
        metavar="DIR",
        type=Path,
        help="the run's folder (default: runs/METHOD-PRESET[-TASKS]-seedSEED); of several, that in "
        "which they lie as seed0 and so on",
    )
    parser.add_argument(
        "--world",
        metavar="NAME",
        help="as --tasks; also by the short names that a method has for its worlds",
    )
    add_import_option(parser)
    parser.add_argument(
        "--seeds",
        metavar="N|LIST",
        help="several runs side by side, as one program and each with its own folder: how many, as "
        "in 16 for seeds 0 to 15, or which, as in 3,5 or 8-15",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the run that the folder holds"
    )
    parser.add_argument(
        "--dry-run",
        "--dry_run",
        action="store_true",
        help="say what the run would take, here and on accelerators, and write nothing",
    )
    _add_running_options(parser)


def _add_running_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--devices",
        metavar="N|all",
        help="devices that share the agents (default: all that can share them equally)",
    )
    parser.add_argument(
        "--hosts",
        metavar="HOST:PORT",
        nargs="?",
        const="auto",
        help="run together with other hosts, the first of which is reached there; without a value "
        "as SLURM, Open MPI or a TPU pod tells JAX",
    )
    parser.add_argument("--host-count", "--host_count", metavar="N", help="how many hosts")
    parser.add_argument("--host-index", "--host_index", metavar="I", help="this one, from 0")
    parser.add_argument(
        "--debug-nans",
        "--debug_nans",
        action="store_true",
        help="if the run becomes not-a-number, name the operation that did it",
    )


def _methods(arguments: argparse.Namespace) -> Any:
    from rlsuite.experiments.registry import Methods

    return Methods(arguments.specs)


def _train(arguments: argparse.Namespace, rest: list[str]) -> int:
    if arguments.help and arguments.preset is None:
        arguments.parser.print_help()
        print(
            "\nMETHOD may also be package.module:SPEC or file.py:SPEC, somebody's own.\n"
            "Any field of the configuration is an option too, as in --seed 1 --steps 100; "
            "parameters of a world are --tasks.NAME VALUE."
        )
        return 0
    if arguments.preset is None:
        raise UserError("a method and a preset are needed; 'rlsuite list' shows them")

    _join_hosts(arguments)
    from rlsuite.experiments import finished, training

    methods = _methods(arguments)
    spec = methods.find(arguments.method)
    defaults = finished.default_run(spec, arguments.preset)
    if arguments.help:
        _print_fields(arguments, defaults)
        return 0
    texts, world_parameters = _field_texts(rest, defaults)
    tasks = texts.pop("tasks", None)
    if arguments.world is not None:
        tasks = spec.short_names.get(arguments.world, arguments.world)
    plan = finished.plan(
        methods,
        arguments.method,
        arguments.preset,
        texts,
        tasks=tasks,
        world_parameters=world_parameters,
        imports=tuple(arguments.imports),
    )
    world = [] if tasks is None else [tasks]
    world += [f"{name}-{value}" for name, value in world_parameters.items()]
    name = "-".join([spec.name, arguments.preset, *world])
    plans = _by_folder(arguments, plan, name, has_seed="seed" in texts)
    if arguments.dry_run:
        return _dry_run(plan, len(plans))
    return training.begin(
        plans,
        methods,
        overwrite=arguments.overwrite,
        devices=arguments.devices,
        debug_nans=arguments.debug_nans,
    )


def _dry_run(plan: Any, num_seeds: int) -> int:
    from rlsuite.experiments.costs import predict, show

    show(plan, predict(plan, num_seeds), num_seeds)
    return 0


def _by_folder(
    arguments: argparse.Namespace, plan: Any, name: str, *, has_seed: bool
) -> dict[Path, Any]:
    """The plans of a command's seeds, each with the folder that it goes to."""
    from rlsuite.experiments.seeds import seeds_from_text

    if arguments.seeds is None:
        return {arguments.out or Path("runs") / f"{name}-seed{plan.run.seed}": plan}
    if has_seed:
        raise UserError("seed: a value is not allowed together with --seeds")
    prefix = f"runs/{name}-" if arguments.out is None else f"{arguments.out}/"
    seeds = seeds_from_text(arguments.seeds)
    return {Path(f"{prefix}seed{seed}"): plan.with_seed(seed) for seed in seeds}


def _print_fields(arguments: argparse.Namespace, defaults: Any) -> None:
    from rlsuite.experiments.options import add_options

    prog = f"rlsuite train {arguments.method} {arguments.preset}"
    parser = _Parser(prog=prog, usage=f"{prog} [options]", add_help=False)
    _add_train_options(parser)
    add_options(parser, defaults)
    parser.print_help()


def _field_texts(rest: list[str], defaults: Any) -> tuple[dict[str, str], dict[str, str]]:
    """Fields by dotted name, and the world's parameters, as text: `--name=text` each."""
    from rlsuite.experiments.fields import full_name, leaves

    known = leaves(defaults)
    texts, world_parameters = {}, {}
    for argument in rest:
        name, equals, text = argument.removeprefix("--").partition("=")
        if not argument.startswith("--"):
            raise UserError(f"unknown argument '{argument}'; see 'rlsuite train --help'")
        is_parameter = name.startswith(_PARAMETER_PREFIX)
        if not is_parameter:
            name = full_name(_MOVED.get(name, name), known)
        if not equals:
            raise UserError(f"{name}: a value is missing, as in '--{name} VALUE'")
        if is_parameter:
            world_parameters[name.removeprefix(_PARAMETER_PREFIX)] = text
        else:
            texts[name] = text
    return texts, world_parameters


def _resume(arguments: argparse.Namespace, rest: list[str]) -> int:
    _join_hosts(arguments)
    from rlsuite.experiments import training

    return training.go_on(
        arguments.directories,
        _methods(arguments),
        steps=arguments.steps,
        devices=arguments.devices,
        debug_nans=arguments.debug_nans,
    )


def _join_hosts(arguments: argparse.Namespace) -> None:
    # Before what else is imported: much of it computes something, and then it is too late.
    from rlsuite.experiments.hosts import Hosts, join

    names = ("host_count", "host_index")
    if arguments.hosts is not None and arguments.debug_nans:
        raise UserError("debug_nans: it is not allowed with --hosts; resume the run on one host")
    if arguments.hosts is not None:
        join(Hosts(arguments.hosts, *(_whole_number(name, arguments) for name in names)))
    elif given := [name for name in names if getattr(arguments, name) is not None]:
        raise UserError(f"{given[0]}: a value is not allowed without --hosts")


def _whole_number(name: str, arguments: argparse.Namespace) -> int | None:
    text = getattr(arguments, name)
    if text is None or (text.isascii() and text.isdecimal() and len(text) < 10):
        return None if text is None else int(text)
    raise UserError(f"{name}: {text!r} is not allowed; it must be a whole number, 0 or more")


def _evaluate(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.evaluate import evaluate
    from rlsuite.experiments.registry import import_module

    for module in arguments.imports:
        import_module(module)
    methods = _methods(arguments)
    if arguments.worlds is not None:
        _keep_compiled_programs()
        evaluate_as_asked(arguments, methods)
        return 0
    refuse_without_worlds(arguments, methods)
    directories = list(map(Path, [arguments.source, *arguments.against]))
    run, *rivals = _open_trained(arguments, directories)
    _keep_compiled_programs()
    evaluate(run, rivals)
    return 0


def _open_trained(arguments: argparse.Namespace, directories: Iterable[Path]) -> list[Any]:
    """The runs in folders, each of which has a checkpoint."""
    from rlsuite.experiments.finished import open_run

    methods, runs = _methods(arguments), []
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

        print(report_sweep(arguments.directory, _methods(arguments)))
        return 0
    (run,) = _open_trained(arguments, [arguments.directory])
    print(report(run))
    return 0


def _compare(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.compare import compare

    print(compare(_open_trained(arguments, arguments.directories), arguments.out))
    return 0


def _bench(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments.bench.run import bench

    bench(arguments.names, arguments.json, num_agents=arguments.agents)
    return 0


def _list(arguments: argparse.Namespace, rest: list[str]) -> int:
    from rlsuite.experiments import pretrained
    from rlsuite.experiments.registry import world_families
    from rlsuite.experiments.sweeping.grid import named_sweeps

    specs, families = list(_methods(arguments)), world_families()
    print("methods, and the presets of each")
    for spec in specs:
        print(f"  {spec.name:<10} {spec.summary} ({', '.join(spec.presets)})")
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
    lines = (f"  {name:<12} {benchmark.summary}" for name, benchmark in BENCHMARKS.items())
    return "\n".join(
        ["benchmarks:", *lines, "", "NAME may also be package.module:BENCHMARK, somebody's own."]
    )


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
