"""The commands `rlsuite train` and `rlsuite resume`: their options, and what they stand for."""

import argparse
from pathlib import Path
from typing import Any

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.options import Parser, add_import_option, methods_of
from rlsuite.experiments.postponing import import_gymnax

FLAGS = ("--help", "--overwrite", "--debug_nans", "--dry_run")
"""Options of `train` that take no value."""

_PARAMETER_PREFIX = "tasks."


def add_parsers(commands: Any) -> None:
    """Adds `train` and `resume` to the commands of `rlsuite`."""
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
    import_gymnax()
    from rlsuite.experiments import plans, training

    methods = methods_of(arguments)
    spec = methods.find(arguments.method)
    defaults = plans.default_run(spec, arguments.preset)
    if arguments.help:
        _print_fields(arguments, defaults)
        return 0
    texts, world_parameters = _field_texts(rest, defaults)
    tasks = texts.pop("tasks", None)
    if arguments.world is not None:
        tasks = spec.short_names.get(arguments.world, arguments.world)
    planned = plans.plan(
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
    by_folder = _by_folder(arguments, planned, name, has_seed="seed" in texts)
    if arguments.dry_run:
        return _dry_run(planned, len(by_folder))
    return training.begin(
        by_folder,
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
    parser = Parser(prog=prog, usage=f"{prog} [options]", add_help=False)
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
            name = full_name(name, known)
        if not equals:
            raise UserError(f"{name}: a value is missing, as in '--{name} VALUE'")
        if is_parameter:
            world_parameters[name.removeprefix(_PARAMETER_PREFIX)] = text
        else:
            texts[name] = text
    return texts, world_parameters


def _resume(arguments: argparse.Namespace, rest: list[str]) -> int:
    _join_hosts(arguments)
    import_gymnax()
    from rlsuite.experiments import training

    return training.go_on(
        arguments.directories,
        methods_of(arguments),
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
