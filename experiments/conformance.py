"""What the shell takes for granted of methods and worlds, as checks for the tests of any package.

`check_method(SPEC)` in a test says whether a method fits. Each failure is an AssertionError that
names the method, the preset and what to mend. Everything is traced and nothing compiled, so that a
preset takes seconds whatever its size. `check_world("Name-v0")` does the same for a world.
`check_run("package.module:SPEC", folder)` shows what only a run can, and `check_test(folder)` what
only the test of that run can.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from rlsuite.experiments.cli import main
from rlsuite.experiments.contracts import step_complaints, world_complaints
from rlsuite.experiments.evaluation import Evaluation, Table
from rlsuite.experiments.field_values import to_text
from rlsuite.experiments.fields import from_json, leaves, override, to_json
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.plans import Plan, default_run
from rlsuite.experiments.programs import abstract_state
from rlsuite.experiments.registry import find_world
from rlsuite.experiments.specs import METHOD_NAME, Experiment, MethodSpec, Run


def check_method(spec: MethodSpec) -> None:
    """Checks all that is below: the record itself, and each of its presets.

    Raises:
      AssertionError: with what doesn't hold.
    """
    check_record(spec)
    for preset in spec.presets:
        check_preset(spec, preset)


def check_record(spec: MethodSpec) -> None:
    """What can be read off a method's record alone.

    Its name is one word for a command line and a folder, its summary one line, its paper none or
    a number on arXiv, and one of its presets is `smoke`, the size that tests run.

    Raises:
      AssertionError: with what doesn't hold.
    """
    _require(re.fullmatch(METHOD_NAME, spec.name), f"'{spec.name}'", "name: no plain word")
    _require(spec.kind, spec.name, "kind: it is empty")
    is_one_line = spec.summary and "\n" not in spec.summary
    _require(is_one_line, spec.name, "summary: it must be one line")
    is_paper = spec.paper is None or re.fullmatch(r"\d{4}\.\d{4,5}", spec.paper)
    _require(is_paper, spec.name, f"paper: {spec.paper!r} is no number on arXiv")
    _require("smoke" in spec.presets, spec.name, "presets: there must be one called 'smoke'")


def check_preset(spec: MethodSpec, preset: str) -> Experiment:
    """Checks one preset: its configuration, and the experiment that it stands for.

    Returns:
      The experiment, whose first state and step have been traced.

    Raises:
      AssertionError: with what doesn't hold.
      ConfigError: if the preset itself is refused.
    """
    run = default_run(spec, preset)
    check_configuration(spec, preset, run)
    experiment = check_experiment(spec, preset, run)
    if preset == "smoke":
        check_learned_by(spec, run)
    return experiment


def check_configuration(spec: MethodSpec, preset: str, run: Run) -> None:
    """A sentence for each field, and ways out and back in.

    What a run must have to be planned at all, `default_run` has checked.

    Raises:
      AssertionError: with what doesn't hold.
    """
    where = f"{spec.name} {preset}"
    known = leaves(run)
    silent = [name for name, leaf in known.items() if not leaf.sentence]
    _require(not silent, where, f"no sentence in the docstring for {', '.join(silent)}")

    again = from_json(run, json.loads(json.dumps(to_json(run))))
    _require(again == run, where, _difference("JSON", run, again))
    again = override(run, {name: to_text(leaf.value) for name, leaf in known.items()})
    _require(again == run, where, _difference("text", run, again))

    world = Plan(spec, spec.name, preset, run).world
    if world is not None:
        named = spec.presets[preset](world).tasks
        _require(named == world.name, where, f"on {world.name} its tasks are {named}")


def check_experiment(spec: MethodSpec, preset: str, run: Run) -> Experiment:
    """An experiment whose steps can be counted, repeated, put away and shown.

    A step leaves the state's structure, shapes and types as they were; metrics are single real
    numbers, with those of the headline and of symptoms among them; and what is learned can be read
    from the state.

    Returns:
      The experiment.

    Raises:
      AssertionError: with what doesn't hold.
      ConfigError: if the configuration can't be run here, or the method refuses it.
    """
    where = f"{spec.name} {preset}"
    plan = Plan(spec, spec.name, preset, run)
    experiment = plan.experiment
    plan.check()
    _require(experiment.agent_updates_per_step >= 1, where, "agent_updates_per_step: below 1")
    _require(experiment.world_steps_per_step >= 0, where, "world_steps_per_step: below 0")

    complaints = step_complaints(experiment)
    _require(not complaints, where, "; ".join(complaints))
    jax.eval_shape(spec.learned, abstract_state(experiment.method))
    return experiment


def check_learned_by(spec: MethodSpec, run: Run) -> None:
    """Where agents learn by what a run has learned, they can be made in its own world.

    What says how is hashable, and the same for the same run, so that it is compiled once.

    Raises:
      AssertionError: with what doesn't hold.
    """
    plan = Plan(spec, spec.name, "smoke", run)
    if spec.learned_by is None or plan.world is None:
        return
    first, second = (spec.learned_by(run, plan.named_world) for _ in range(2))
    is_same = first == second and hash(first) == hash(second)
    _require(is_same, spec.name, "learned_by: it is another one for the same run")

    def made(state, key):
        trainer = first(plan.named_world.world, spec.learned(state))
        return trainer.life.init(key, trainer.task(plan.named_world.sample_task(key)))

    jax.eval_shape(made, abstract_state(plan.experiment.method), jax.random.key(0))


def check_world(name: str) -> None:
    """A world as gymnax's interface has it, whose spaces say the truth.

    Args:
      name: of the world, as `--tasks` takes it, once the module is imported that registers it.

    Raises:
      AssertionError: with what doesn't hold.
      ConfigError: if there is no such world.
    """
    complaints = world_complaints(find_world(name).world)
    _require(not complaints, name, "; ".join(complaints))


def check_run(method: str, folder: Path) -> None:
    """Two steps of the smoke preset, the second once more after it was put away, and the report.

    All of it goes through the command. Made again from the checkpoint of the first, the second step
    comes to the same bits. The step is compiled each time unless JAX keeps what it has compiled
    (`jax_compilation_cache_dir`).

    Args:
      method: as `rlsuite train` takes it: a name, `package.module:SPEC` or `file.py:SPEC`.
      folder: where the run goes; it must not exist.

    Raises:
      AssertionError: with what doesn't hold.
    """
    every = ["--log_every", "1", "--checkpoint_every", "1", "--checkpoints_kept", "2"]
    status = main(["train", method, "smoke", "--steps", "2", *every, "--out", str(folder)])
    _require(status == 0, method, f"training ends with exit status {status}")
    learned = [_bits(open_run(folder).learned)]
    # As if it had been killed before the second step was saved.
    shutil.rmtree(folder / "checkpoints" / "2")
    status = main(["resume", str(folder)])
    _require(status == 0, method, f"resuming ends with exit status {status}")
    learned.append(_bits(open_run(folder).learned))

    finished = open_run(folder)
    steps = [line["step"] for line in finished.metrics]
    _require(steps == [1, 2], method, f"steps {steps} were logged where 1 and 2 were made")
    _require(learned[0], method, "learned: there is nothing in it")
    is_same = learned[0] == learned[1]
    _require(is_same, method, "learned: the same step has come to other bits")
    _require((folder / "report.md").exists(), method, "there is no report")


def _bits(learned: Any) -> list[bytes]:
    def bits(leaf: Any) -> bytes:
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf).tobytes()

    return [bits(jnp.asarray(leaf)) for leaf in jax.tree.leaves(learned)]


def check_test(folder: Path) -> None:
    """The test of a run, such as `check_run` leaves behind, and the report of what it found.

    It goes through the command. All of the method's pictures are drawn, and `check_evaluation`
    holds. A method that isn't tested passes.

    Args:
      folder: the run's.

    Raises:
      AssertionError: with what doesn't hold.
    """
    spec = open_run(folder).spec
    if spec.test is None:
        return
    status = main(["evaluate", str(folder)])
    _require(status == 0, spec.name, f"testing ends with exit status {status}")

    finished = open_run(folder)
    evaluation = finished.evaluation
    assert evaluation is not None, "what was tested is kept"
    check_evaluation(spec.name, evaluation)

    status = main(["report", str(folder)])
    _require(status == 0, spec.name, f"reporting ends with exit status {status}")
    text = (folder / "report.md").read_text()
    for section in spec.pictures(finished, evaluation):
        for drawing in section.drawings:
            is_there = (folder / drawing.file).exists() and f"({drawing.file})" in text
            _require(is_there, spec.name, f"pictures: {drawing.file} is not in the report")


def check_evaluation(where: str, evaluation: Evaluation) -> None:
    """The run's own contender is first and in every table, with finite results for each level.

    Args:
      where: what the message begins with, such as the method's name.
      evaluation: what a test has found.

    Raises:
      AssertionError: with what doesn't hold.
    """
    roles = [contender.role for contender in evaluation.contenders]
    own_is_first = roles[:1] == ["own"] and roles.count("own") == 1
    _require(own_is_first, where, f"contenders: 'own' must be the first and no other, not {roles}")
    names = [table.name for table in evaluation.tables]
    _require(names, where, "tables: there are none")
    _require(len(set(names)) == len(names), where, f"tables: two are called alike in {names}")
    for table in evaluation.tables:
        _check_table(f"{where}: table {table.name}", table, evaluation)


def _check_table(where: str, table: Table, evaluation: Evaluation) -> None:
    contenders = [contender.name for contender in evaluation.contenders]
    strangers = sorted(set(table.results) - set(contenders))
    _require(not strangers, where, f"{', '.join(strangers)}: no such contender")
    _require(evaluation.own in table.results, where, "the run's own results are not in it")
    for name, results in table.results.items():
        is_table = results.ndim == 2 and len(results) == len(table.strata) and results.size
        expected = f"[{len(table.strata)}, seeds]"
        _require(is_table, where, f"{name}: shape {results.shape}, it must be {expected}")
        _require(np.isfinite(results).all(), where, f"{name}: not all results are finite")


def _difference(way: str, run: Run, again: Run) -> str:
    before, after = leaves(run), leaves(again)
    changed = [
        f"{name} from {leaf.value!r} to {after[name].value!r}"
        for name, leaf in before.items()
        if after[name].value != leaf.value
    ]
    return f"written as {way} and read again it is another: {', '.join(changed)}"


def _require(holds: Any, where: str, message: str) -> None:
    # Raised by hand: other packages' tests may run where asserts are left out.
    if not holds:
        raise AssertionError(f"{where}: {message}")
