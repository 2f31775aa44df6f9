"""By which commands, versions, devices and seeds a sweep was made, so that it can be made again."""

from collections.abc import Iterator
from pathlib import Path

from rlsuite.experiments.options import typed
from rlsuite.experiments.sweeping.folder import run_folder
from rlsuite.experiments.sweeping.grid import SWEEPS, Job, Setting, Sweep, named_sweeps
from rlsuite.experiments.sweeping.results import Found
from rlsuite.experiments.words import table_in_markdown


def circumstances(directory: Path, sweep: Sweep, found: Found) -> str:
    """A section of a report: commands of the whole and of each setting, and where they ran."""
    parts = ["## How to reproduce", _commands(directory, sweep)]
    if found.runs:
        parts.append(_runs(found))
        parts.append("\n".join(_places(found)))
    return "\n\n".join(parts)


def _commands(directory: Path, sweep: Sweep) -> str:
    is_named = sweep.name in named_sweeps()
    words = ["sweep", sweep.name if is_named else f"{sweep.name}.toml"]
    words += [sweep.size] if sweep.size else []
    default = Path(SWEEPS, "-".join(filter(None, [sweep.name, sweep.size])))
    is_default = directory.name == default.name
    place = default if is_default else Path(directory.name)
    words += [] if is_default else ["--out", str(place)]
    lines = [typed(*words), typed("report", place)]
    singles = [line for setting in sweep.settings for line in _single(sweep, setting)]
    return (
        "The whole, and this report from what is there:\n\n```\n"
        + "\n".join(lines)
        + "\n```\n\nOne run of each setting, in the folder of the sweep; "
        "the other seeds likewise:\n\n```\n" + "\n".join(singles) + "\n```"
    )


def _single(sweep: Sweep, setting: Setting) -> Iterator[str]:
    job = Job(setting, sweep.seeds[0], sweep.imports)
    options = [word for module in sweep.imports for word in ("--import", module)]
    for name, text in setting.fields.items():
        options += [f"--{name}", text]
    folder = run_folder(Path(), job)
    seed = ["--seed", str(job.seed), "--out", str(folder)]
    yield typed("train", setting.method, setting.preset, *options, *seed)
    yield typed("evaluate", folder)


def _runs(found: Found) -> str:
    rows = []
    for job, run in found.runs:
        last = run.metrics[-1] if run.metrics else {}
        seconds = last.get("seconds") or 0.0
        steps = f"{last.get('step', 0)} of {run.run.steps}"
        training = f"{seconds:.0f} s"
        rows.append(
            [job.setting.name, str(job.seed), steps, training, str(run.document["created"])]
        )
    return table_in_markdown(["setting", "seed", "steps", "training", "begun"], rows)


def _places(found: Found) -> Iterator[str]:
    """Versions, devices and commits, once where all runs share them."""
    documents = {f"{job.setting.name}, seed {job.seed}": run.document for job, run in found.runs}
    versions = {
        name: ", ".join(f"{library} {number}" for library, number in document["versions"].items())
        for name, document in documents.items()
    }
    devices = {
        name: " ".join(
            [str(document["device"].get("count", "?")), "×", document["device"].get("kind", "?")]
        )
        for name, document in documents.items()
    }
    commits = {name: document.get("commit") or "not known" for name, document in documents.items()}
    for title, of_each in (("Versions", versions), ("Device", devices), ("Commit", commits)):
        if len(set(of_each.values())) == 1:
            yield f"- {title}: {next(iter(of_each.values()))}"
            continue
        for value in dict.fromkeys(of_each.values()):
            names = [name for name, found in of_each.items() if found == value]
            yield f"- {title} of {'; '.join(names)}: {value}"
