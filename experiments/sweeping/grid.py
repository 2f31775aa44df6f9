"""Sweeps as they are written: a TOML file of settings and seeds, and the jobs that it stands for.

A setting is a method with a preset and values for some fields; a job is a setting with a seed. What
the file may hold is in docs/sweeps.md.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from rlsuite.experiments.errors import ConfigError, UserError, nearest
from rlsuite.experiments.fields import full_name, leaves
from rlsuite.experiments.files import read_file
from rlsuite.experiments.plans import Plan, default_run, plan
from rlsuite.experiments.registry import Methods, absolute, import_module
from rlsuite.experiments.sweeping import tables
from rlsuite.experiments.sweeping.settings import Setting, read_settings, slug

SWEEPS = "sweeps"
"""The folder of the package that has the named sweeps, and where results go by default."""

_WORLD_PREFIX = "tasks."
_OF_A_CLAIM = ("text", "better", "than", "tables")
_OF_A_SIZE = (
    *("title", "paper", "claim", "seeds", "method", "preset", "imports"),
    *("fields", "grid", "settings", "claims", "slurm"),
)
_KEYS = (*_OF_A_SIZE, "sizes")


class Claim(NamedTuple):
    """What a report is to judge: that one setting is better than another.

    Attributes:
      text: the claim in words.
      better: a setting, or a baseline of the evaluations.
      than: likewise.
      tables: of the evaluations; all if there is none.
    """

    text: str
    better: str
    than: str
    tables: tuple[str, ...] = ()


class Sweep(NamedTuple):
    """Settings over seeds, and what is claimed of them.

    Attributes:
      name: of the file, without its ending.
      size: which of the file's sizes; none if it has none.
      title: what its report is called.
      paper: its number on arXiv; empty if there is none.
      claim: the paper's, in a sentence or two.
      settings: in the order of the file; products vary their last list fastest.
      seeds: of every setting.
      claims: what the report judges.
      imports: modules, or Python files, that register worlds.
      slurm: parameters of `--slurm`.
    """

    name: str
    size: str | None
    title: str
    paper: str
    claim: str
    settings: tuple[Setting, ...]
    seeds: tuple[int, ...]
    claims: tuple[Claim, ...] = ()
    imports: tuple[str, ...] = ()
    slurm: Mapping[str, Any] = MappingProxyType({})


class Job(NamedTuple):
    """One run of a sweep.

    Attributes:
      setting: what is run.
      seed: of the run.
      imports: modules that register worlds.
    """

    setting: Setting
    seed: int
    imports: tuple[str, ...] = ()

    @property
    def folder(self) -> str:
        """The name of its folder, by which it is known."""
        return f"{slug(self.setting.name)}-seed{self.seed}"

    @property
    def command(self) -> list[str]:
        """What makes this run alone."""
        options = [
            word for name, text in self.setting.fields.items() for word in (f"--{name}", text)
        ]
        imported = [word for module in self.imports for word in ("--import", module)]
        named = [self.setting.method, self.setting.preset, *imported]
        return ["rlsuite", "train", *named, "--seed", str(self.seed), *options]


def jobs(sweep: Sweep) -> list[Job]:
    """All jobs of a sweep, setting by setting."""
    return [Job(setting, seed, sweep.imports) for setting in sweep.settings for seed in sweep.seeds]


def plan_of(job: Job, methods: Methods) -> Plan:
    """What a job runs.

    Raises:
      ConfigError: if its method, preset, world or a field is unknown or not allowed; the setting is
        named first.
    """
    try:
        return _plan(job, methods)
    except ConfigError as error:
        raise ConfigError(f"{job.setting.name}: {error}") from error


def plans(sweep: Sweep, methods: Methods) -> dict[str, Plan]:
    """What every job runs, by its folder. Those that differ in their seeds alone are checked once.

    Raises:
      ConfigError: as `plan_of` does.
    """
    found: dict[str, Plan] = {}
    for setting in sweep.settings:
        first = plan_of(Job(setting, sweep.seeds[0], sweep.imports), methods)
        for seed in sweep.seeds:
            one = replace(first, run=replace(first.run, seed=seed))
            found[Job(setting, seed).folder] = one
    return found


def _plan(job: Job, methods: Methods) -> Plan:
    setting = job.setting
    for module in job.imports:
        import_module(module)
    spec = methods.find(setting.method)
    known = leaves(default_run(spec, setting.preset))
    texts, parameters = {"seed": str(job.seed)}, {}
    tasks = _world(setting, spec.short_names)
    for name, text in setting.fields.items():
        if name.startswith(_WORLD_PREFIX):
            parameters[name.removeprefix(_WORLD_PREFIX)] = text
        elif name not in ("world", "tasks"):
            whole = full_name(name, known)
            if whole in texts:
                raise ConfigError(f"{whole}: it is there twice; name it once")
            texts[whole] = text
    return plan(
        methods,
        setting.method,
        setting.preset,
        texts,
        tasks=tasks,
        world_parameters=parameters,
        imports=job.imports,
    )


def _world(setting: Setting, short_names: Mapping[str, str]) -> str | None:
    tasks, world = setting.fields.get("tasks"), setting.fields.get("world")
    if world is None:
        return tasks
    if tasks is not None:
        raise ConfigError(f"world: '{world}' is not allowed beside tasks; name one of them")
    return short_names.get(world, world)


def named_sweeps() -> list[str]:
    """The names of the sweeps that come with the package."""
    return sorted(path.name.removesuffix(".toml") for path in _named() if _is_sweep(path.name))


def _named() -> Iterable[Any]:
    return files("rlsuite.experiments").joinpath(SWEEPS).iterdir()


def _is_sweep(name: str) -> bool:
    return name.endswith(".toml")


def read_sweep(path_or_name: str | Path, size: str | None = None) -> Sweep:
    """Reads a sweep.

    Args:
      path_or_name: a TOML file, or one of `named_sweeps`.
      size: one of the sizes that the file has; none for a file without.

    Raises:
      UserError: if there is no such sweep, or it can't be read.
      ConfigError: if what it says is not allowed, with the file and the key in one line. Methods,
        presets and fields are looked up by `plans` only.
    """
    path = _path(str(path_or_name))
    try:
        document = _document(path)
        tables.check_keys(document, _KEYS)
        return _sweep(path, _sized(document, size), size)
    except RecursionError as error:
        raise ConfigError(f"'{path}': it is nested too deeply") from error
    except ConfigError as error:
        raise ConfigError(f"'{path}': {error}") from error


def _path(name: str) -> Path:
    if name in named_sweeps():
        return Path(str(files("rlsuite.experiments").joinpath(SWEEPS, f"{name}.toml")))
    path = Path(name)
    if not (_is_sweep(name) or "/" in name or path.is_file()):
        raise UserError(f"{nearest('sweep', name, named_sweeps())}, or a file")
    return path


def _document(path: Path) -> dict[str, Any]:
    content = read_file(path)
    if content is None:
        raise UserError(f"'{path}': there is no such file")
    try:
        return tomllib.loads(content.decode())
    except ValueError as error:  # Of TOML, of UTF-8, or a number that Python won't read.
        raise ConfigError(f"it is no TOML: {error}") from error


def _sized(document: dict[str, Any], size: str | None) -> dict[str, Any]:
    """The document of one size: its entries in place of, or added to the tables of, the others."""
    sizes = document.pop("sizes", {})
    tables.check_keys(sizes, sizes, "sizes")
    for name, table in sizes.items():
        tables.check_keys(table, _OF_A_SIZE, f"sizes.{name}")
    if size is None and sizes:
        raise ConfigError(f"a size is needed; it has {', '.join(sizes)}")
    if size is None:
        return document
    if not sizes:
        raise ConfigError(f"size: '{size}' is not allowed; it has no sizes")
    if size not in sizes:
        raise ConfigError(nearest("size", size, sizes))
    merged = dict(document)
    for key, value in sizes[size].items():
        before = merged.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            where = f"sizes.{size}.{key}"
            value = {**tables.flattened(before, key), **tables.flattened(value, where)}
        merged[key] = value
    return merged


def _sweep(path: Path, document: dict[str, Any], size: str | None) -> Sweep:
    found = Sweep(
        name=path.stem,
        size=size,
        title=tables.line(document, "title", path.stem),
        paper=tables.line(document, "paper"),
        claim=tables.prose(document, "claim"),
        settings=(),
        seeds=tables.seeds(document),
        imports=tuple(absolute(name, path.parent) for name in tables.lines(document, "imports")),
        slurm=tables.values(document, "slurm"),
    )
    settings = read_settings(path, document, len(found.seeds))
    claims = tuple(_claims(document, [setting.name for setting in settings]))
    return found._replace(settings=settings, claims=claims)


def _claims(document: tables.Table, settings: Sequence[str]) -> Iterator[Claim]:
    for number, table in enumerate(tables.tables(document, "claims"), 1):
        where = f"claims {number}"
        tables.check_keys(table, _OF_A_CLAIM, where)
        for key in ("better", "than"):
            if not tables.line(table, key, where=f"{where}: "):
                raise ConfigError(f"{where}: {key}: it is missing")
        better, than = table["better"], table["than"]
        named = tables.lines(table, "tables", f"{where}: ")
        _check_contenders(where, better, than, settings, may_be_baselines=bool(named))
        text = tables.prose(table, "text") or f"{better} is better than {than}"
        yield Claim(text, better, than, named)


def _check_contenders(
    where: str, better: str, than: str, settings: Sequence[str], *, may_be_baselines: bool
) -> None:
    """Refuses claims that can't be meant so; baselines are known to the evaluations only.

    Two baselines are those of the test whose tables the claim names.
    """
    if better == than:
        raise ConfigError(f"{where}: than: '{than}' is not allowed; it must be another one")
    slugs = {slug(name): name for name in settings}
    for key, name in (("better", better), ("than", than)):
        meant = slugs.get(slug(name))
        if name not in settings and meant is not None:
            raise ConfigError(f"{where}: {key}: unknown '{name}' (did you mean '{meant}'?)")
    if not may_be_baselines and better not in settings and than not in settings:
        raise ConfigError(f"{where}: better: {nearest('setting', better, settings)}")
