import gc
import json
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from rlsuite import __version__
from rlsuite.experiments.cli import main
from rlsuite.experiments.compiling import enable_compilation_cache
from rlsuite.experiments.evaluation import Contender, Evaluation, Table
from rlsuite.experiments.field_values import describe
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.metrics import read_metrics
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.runner import Outcome
from rlsuite.experiments.specs import Experiment, MethodSpec, Run, Section
from rlsuite.method import Method
from tests.experiments.running import METHODS, plan_of

SMALL = ["--steps", "2", "--log-every=1", "--checkpoint-every", "1"]


def files_in(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """An empty folder that is also the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "COMMAND"),
        ("trian groove smoke", "unknown command 'trian' (did you mean 'train'?)"),
        ("train", "a method and a preset are needed"),
        ("train groove", "a method and a preset are needed"),
        ("train grove smoke", "did you mean 'groove'?"),
        ("train groove smok", "did you mean 'smoke'?"),
        ("train groove smoke more", "unknown argument 'more'"),
        ("train groove smoke --tasks dens", "did you mean 'dense'?"),
        ("train groove smoke --sed 1", "unknown field 'sed' (did you mean 'seed'?)"),
        ("train --sed 1 groove smoke", "unknown field 'sed' (did you mean 'seed'?)"),
        ("train groove smoke --seed", "seed: a value is missing"),
        ("train groove smoke --steps many", "steps: 'many' is not allowed"),
        ("train groove smoke --steps 1.5", "steps: '1.5' is not allowed"),
        ("train groove smoke --steps 0", "steps: 0"),
        ("train groove smoke --steps -5", "steps: -5"),
        ("train groove smoke --log_every 0", "log_every: 0"),
        ("train groove smoke --checkpoint-every=-1", "checkpoint_every: -1"),
        ("train groove smoke --out", "--out"),
        ("train groove smoke --overwrite=yes", "--overwrite"),
        ("train ta-lpg smoke --population_size 7", "meta.population_size: 7 is not allowed"),
        ("train ta-lpg smoke --num_mini_batches 3", "meta.num_mini_batches: 3 is not allowed"),
        ("train ta-lpg smoke --strategy OpenES", "did you mean 'Open_ES'?"),
        ("train ta-lpg smoke --min_lifetime 30", "min_lifetime: 30 is not allowed"),
        ("train ta-lpg smoke --max_lifetime 30", "objective.longest_lifetime: 20 is not allowed"),
        (
            "train ta-lpo smoke --drift.time progress_and_lifetime --drift.time_scale unit",
            "drift.shortest_lifetime: 10 is not allowed; it must be at most 4",
        ),
        (
            "train ta-lpg smoke --tasks CartPole-v1 --min_lifetime 2",
            "objective.shortest_lifetime: 1000 is not allowed; it must be at most 2",
        ),
        ("train ta-lpg smoke --max_lifetime 0", "max_lifetime: 0 is not allowed"),
        ("train lpg-es smoke --max_lifetime 5", "max_lifetime: 5 is not allowed"),
        ("train lpg-es smoke --horizons ,", "evaluation.horizons: () is not allowed"),
        ("train lpg smoke --tasks CartPole-v1 --tasks.mass 1", "unknown parameter 'mass'"),
        ("train lpg smoke --tasks CartPole-v1 --tasks.gravity x", "tasks.gravity: 'x' is not"),
        ("train lpg smoke --tasks.gravity 3", "have no parameters to set"),
        ("train lpg smoke --import no_such_module", "'no_such_module' can't be imported"),
        ("train lpg smoke --import json.tool", "'json.tool' registers no world"),
        ("train no_such_module:SPEC smoke", "'no_such_module' can't be imported"),
        ("train json:NOTHING smoke", "'json:NOTHING' names nothing"),
        ("train json:dumps smoke", "it must name a MethodSpec"),
        ("train lpo smoke --networks.architecture table", "can't read observations"),
        ("train lpo smoke --worlds CartPole", "did you mean 'CartPole-v1'?"),
        ("train lpo smoke --population_size 7", "meta.population_size: 7 is not allowed"),
        ("train ta-lpo smoke --ppo.num_mini_batches 3", "ppo.num_mini_batches: 3 is not allowed"),
        ("train act-test smoke --tasks Acrobot-v1", "world: Acrobot-v1 is not allowed"),
        ("train act-train smoke --world CartPol", "did you mean 'CartPole-v1'?"),
        ("train act-train smoke --message_size 0", "channel.message_size: 0 is not allowed"),
        ("train act-train smoke --scale -1", "channel.scale: -1.0 is not allowed"),
        ("train act-train smoke --goal friend", "goal: 'friend' is not allowed"),
        ("train act-train smoke --meta.num_mini_batches 3", "meta.num_mini_batches: 3 is not"),
        ("train act-train smoke --networks.architecture table", "can't read observations"),
        ("train ta-lpo smoke --margin 0", "drift.margin: 0.0 is not allowed"),
        ("resume", "DIR"),
        ("resume nowhere", "'nowhere' holds no run"),
        ("resume nowhere --seed 1", "unknown argument '--seed'"),
        ("evaluate nowhere", "'nowhere' holds no run"),
        ("evaluate nowhere --num_levels 5", "unknown argument '--num_levels"),
        ("export nowhere --evaluation.num_levels 5", "unknown argument '--evaluation.num_levels';"),
        ("evaluate nowhere --evaluation.num_levels", "evaluation.num_levels: a value is missing"),
        (
            "evaluate nowhere --evaluation.num_levels 5 --worlds CartPole-v1",
            "evaluation.num_levels: a value is not allowed with --worlds",
        ),
        ("report nowhere", "'nowhere' holds no run"),
        ("list everything", "unknown argument 'everything'"),
    ],
)
def test_bad_input_is_one_line_and_writes_nothing(folder, capsys, line, message):
    assert main(line.split()) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("rlsuite: ") and captured.err.count("\n") == 1
    assert message in captured.err
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("command", ["evaluate run", "report run", "evaluate run --against no"])
def test_a_run_without_a_checkpoint_has_nothing_to_show(folder, capsys, command):
    create_run(folder / "run", plan_of("groove").describe())
    before = files_in(folder)
    assert main(command.split()) == 2
    assert "'run' holds no checkpoint yet" in capsys.readouterr().err
    assert files_in(folder) == before


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda document: document.update(method="grove"), "did you mean 'groove'?"),
        (lambda document: document["config"].update(sead=1), "unknown field 'sead'"),
        (lambda document: document["config"].update(steps=-1), "steps: -1"),
        (lambda document: document["config"].update(tasks=5), "is damaged: imports and tasks"),
        (lambda document: document.update(imports=[5]), "is damaged: imports and tasks"),
        (lambda document: document.pop("versions"), "is damaged: versions is missing"),
        (lambda document: document.update(device=[1]), "is damaged: device is missing"),
        (lambda document: document.update(command=None), "is damaged: command is missing"),
        (lambda document: document.update(imports="worlds"), "is damaged: imports is missing"),
        (lambda document: document.update(world_parameters={"a": 1}), "no parameters to set"),
        (
            lambda document: document.update(method="gone.away:SPEC"),
            "'gone.away' can't be imported",
        ),
    ],
)
def test_a_spoilt_configuration_cannot_be_resumed(folder, capsys, change, message):
    create_run(folder / "run", plan_of("groove").describe())
    path = folder / "run" / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    assert main(["resume", "run"]) == 2
    error = capsys.readouterr().err
    assert "run/config.json" in error and message in error and error.count("\n") == 1


def test_an_occupied_folder_is_left_alone(folder, capsys):
    create_run(folder / "run", plan_of("groove").describe())
    (folder / "foreign").mkdir()
    (folder / "foreign" / "thesis.tex").write_text("precious")
    before = files_in(folder)
    assert main(["train", "groove", "smoke", "--out", "run"]) == 2
    error = capsys.readouterr().err
    assert "rlsuite resume run" in error and "--overwrite" in error
    assert main(["train", "groove", "smoke", "--out", "foreign", "--overwrite"]) == 2
    assert "not empty and holds no run" in capsys.readouterr().err
    assert files_in(folder) == before


@pytest.fixture
def quick(monkeypatch):
    """A method that compiles in no time, as somebody's own spec."""

    def step(state):
        return state + 1, {"meta_loss": 1.0 / state}

    experiment = Experiment(Method(lambda key: jnp.ones(()), step), 1, 1, ("meta_loss",))
    return MethodSpec(
        name="quick",
        kind="number",
        summary="counts",
        paper=None,
        presets={"smoke": lambda world: Run(tasks=None)},
        build=lambda run, world: experiment,
        pictures=lambda finished, evaluation: [Section("Count", [], f"{finished.learned:.0f}")],
        learned=lambda state: state,
        panels={"meta_loss": "one over the count"},
    )


def test_a_step_that_cannot_be_made_is_refused_before_anything_is_written(folder, capsys, quick):
    def step(state):
        raise ValueError("batches: 3 is not allowed; it must be a divisor of 4\nand more")

    broken = Experiment(Method(lambda key: jnp.ones(()), step), 1, 1, ())
    spec = quick._replace(build=lambda run, world: broken)
    assert main(["train", "quick", "smoke", "--out", "run"], specs=[spec]) == 2
    message = "rlsuite: batches: 3 is not allowed; it must be a divisor of 4\n"
    assert capsys.readouterr().err == message
    assert files_in(folder) == {}


def test_a_finished_run_goes_on_where_more_steps_are_asked_for(folder, capsys, quick):
    def train(name, steps):
        options = f"--log_every 3 --checkpoint_every 2 --steps {steps} --out {name}"
        assert main(["train", "quick", "smoke", *options.split()], specs=[quick]) == 0

    train("whole", 9)
    train("longer", 4)
    (folder / "longer" / "evaluation.json").write_text("found at step 4")
    assert main(["resume", "longer", "--steps", "9"], specs=[quick]) == 0
    states = [open_run(folder / name, Methods([quick])) for name in ("longer", "whole")]
    assert states[0].run == states[1].run and states[0].run.steps == 9
    assert states[0].learned == states[1].learned == 10
    # Chunks meet those of the run that never ended in between.
    assert [line["step"] for line in states[0].metrics] == [3, 4, 6, 9]
    assert states[0].metrics[-1]["meta_loss"] == states[1].metrics[-1]["meta_loss"]
    assert (folder / "longer" / "evaluation-step4.json").read_text() == "found at step 4"
    assert not (folder / "longer" / "evaluation.json").exists()

    before = files_in(folder)
    capsys.readouterr()
    for steps, message in [
        ("8", "steps: 8 is not allowed; it must be at least 9, which the run has made"),
        ("0", "steps: 0 is not allowed; it must be at least 1"),
        ("many", "steps: 'many' is not allowed; it must be a whole number at least 1"),
    ]:
        assert main(["resume", "longer", "--steps", steps], specs=[quick]) == 2
        assert capsys.readouterr().err == f"rlsuite: {message}\n"
    assert files_in(folder) == before


def test_train_overwrite_and_resume(folder, capsys, quick):
    assert main(["train", "--seed", "3", "quick", "smoke", *SMALL], specs=[quick]) == 0
    run = folder / "runs" / "quick-smoke-seed3"
    assert "read it" in capsys.readouterr().out
    assert [line["step"] for line in read_metrics(run)] == [1, 2]
    assert {"config.json", "metrics.jsonl", "checkpoints", "tensorboard", "report.md"} <= {
        path.name for path in run.iterdir()
    }
    assert "## Count\n\n3\n" in (run / "report.md").read_text()
    before = files_in(run)
    assert main(["resume", str(run)], specs=[quick]) == 0
    assert "already at its last step" in capsys.readouterr().out
    assert files_in(run) == before

    (run / "report.md").unlink()
    assert main(["resume", str(run)], specs=[quick]) == 0
    assert (run / "report.md").exists()

    (run / "stale").write_text("of the old run")
    again = ["train", "quick", "smoke", *SMALL, "--steps=1", "--out", str(run), "--overwrite"]
    assert main(again, specs=[quick]) == 0
    assert [line["step"] for line in read_metrics(run)] == [1]
    assert not (run / "stale").exists()
    # Without the spec nobody knows the method.
    assert main(["resume", str(run)]) == 2
    assert "unknown method 'quick'" in capsys.readouterr().err


def test_a_method_that_is_not_tested_says_so(folder, capsys, quick):
    assert main(["train", "quick", "smoke", *SMALL, "--out", "run"], specs=[quick]) == 0
    assert "rlsuite evaluate" not in capsys.readouterr().out
    assert main(["evaluate", "run"], specs=[quick]) == 2
    assert "runs of quick aren't tested" in capsys.readouterr().err


def test_the_default_folder_names_the_world_where_it_was_chosen(folder, monkeypatch):
    monkeypatch.setattr("rlsuite.experiments.runner.run", lambda *_, **__: Outcome(1, False))
    for options in ([], ["--tasks", "small"], ["--tasks", "CartPole-v1", "--tasks.force_mag=20"]):
        assert main(["train", "a2c", "smoke", *options]) == 130
    assert sorted(path.name for path in (folder / "runs").iterdir()) == [
        "a2c-smoke-CartPole-v1-force_mag-20-seed0",
        "a2c-smoke-seed0",
        "a2c-smoke-small-seed0",
    ]


def test_list(capsys):
    assert main(["list"]) == 0
    shown = capsys.readouterr().out
    names = [*METHODS.names, "smoke", "all_shortlife", "GridWorld-v0", "CartPole-v1"]
    assert all(name in shown for name in names)
    assert "MNISTBandit-bsuite" not in shown


def test_help_of_train_prints_every_fields_sentence_range_and_default(capsys):
    assert main(["train", "groove", "laptop", "--help"]) == 0
    shown = capsys.readouterr().out
    # Lines may end at a hyphen.
    plain = " ".join(shown.split()).replace("- ", "-")
    fields = leaves(METHODS.find("groove").presets["laptop"](None))
    assert "meta.num_agents" in fields
    for name, leaf in fields.items():
        assert f"--{name} VALUE" in shown
        assert leaf.sentence and " ".join(leaf.sentence.split()).replace("- ", "-") in plain
        assert describe(leaf.type) in plain
    assert "[a number between 0 and 1; default: 0.99]" in plain
    assert main(["train", "--help"]) == 0
    assert "--out DIR" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["resume", "--help"]])
def test_help_needs_no_jax(arguments):
    code = (
        "import sys\n"
        "from rlsuite.experiments.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    assert 'jax' not in sys.modules\n"
    )
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(("usage: rlsuite", f"rlsuite {__version__}"))


@pytest.fixture
def restored_jax_config():
    names = (
        *("jax_compilation_cache_dir", "jax_persistent_cache_min_compile_time_secs"),
        "jax_platforms",
    )
    before = {name: jax.config.values[name] for name in names}
    yield
    for name, value in before.items():
        jax.config.update(name, value)


def test_compilation_cache_is_the_users_unless_told_otherwise(
    tmp_path, monkeypatch, restored_jax_config
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)
    # Another test may have run a command in this process.
    jax.config.update("jax_compilation_cache_dir", None)
    enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / "rlsuite" / "jax")
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/elsewhere")
    jax.config.update("jax_compilation_cache_dir", "/elsewhere")
    enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir == "/elsewhere"


def test_nothing_is_kept_for_a_user_without_a_home(monkeypatch, restored_jax_config):
    def home():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", home)
    jax.config.update("jax_compilation_cache_dir", None)
    enable_compilation_cache()
    assert jax.config.jax_compilation_cache_dir is None


@pytest.mark.parametrize("error", [AssertionError(), RuntimeError("no such backend\nat all")])
@pytest.mark.parametrize(
    ("asked", "line"), [("cuda", "JAX_PLATFORMS: 'cuda' is not allowed"), (None, "JAX finds no")]
)
def test_devices_that_are_not_there_are_said_in_one_line(
    monkeypatch, restored_jax_config, capsys, error, asked, line
):
    def devices():
        raise error

    monkeypatch.setattr(jax, "devices", devices)
    jax.config.update("jax_platforms", asked)
    assert main(["list"]) == 2
    said = capsys.readouterr().err
    assert line in said and said.count("\n") == 1


@pytest.mark.parametrize(("told", "kept"), [(None, 0.5), ("7.5", 7.5)])
def test_programs_are_kept_that_take_as_long_as_jax_was_told(
    monkeypatch, restored_jax_config, told, kept
):
    variable = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"
    monkeypatch.delenv(variable) if told is None else monkeypatch.setenv(variable, told)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 7.5)
    enable_compilation_cache()
    assert jax.config.jax_persistent_cache_min_compile_time_secs == kept


def test_an_interrupted_run_says_how_to_go_on(folder, capsys, monkeypatch, quick):
    interrupted = Outcome(step=1, finished=False)
    monkeypatch.setattr("rlsuite.experiments.runner.run", lambda *_, **__: interrupted)
    assert main(["train", "quick", "smoke", *SMALL, "--out", "run"], specs=[quick]) == 130
    assert capsys.readouterr().out == "stopped at step 1 of 2; continue with: rlsuite resume run\n"


def test_a_run_that_becomes_not_a_number_names_the_operation(folder, capsys, quick):
    """Gradient descent on a quartic with an absurd learning rate."""

    def step(state):
        loss, gradient = jax.value_and_grad(lambda x: jnp.square(jnp.square(x - 3)))(state)
        return state - 1e4 * gradient, {"meta_loss": loss}

    absurd = Experiment(Method(lambda key: jnp.ones(()), step), 1, 1, ("meta_loss",))
    spec = quick._replace(build=lambda run, world: absurd)
    options = "--steps 6 --log-every 6 --debug-nans --out run"
    for line in (f"train quick smoke {options}", "resume run --debug-nans"):
        assert main(line.split(), specs=[spec]) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1
        assert "meta_loss: inf at step 6 (since step 3) is not finite" in captured.err
        assert "in step 3 'square' made inf of " in captured.err
        assert "test_cli.py" in captured.err and "there is no checkpoint yet" in captured.err
        assert "steps 1 to 6 are played again" in captured.out
        assert "float32[] between" in captured.out


def test_brackets_in_names_are_no_markup(folder, capsys, quick):
    def test(finished, rivals, watch):
        runs = {f"{run.title} ({run.directory})": run for run in (finished, *rivals)}
        results = {name: np.ones((2, 2)) for name in runs}
        own, *others = runs
        contenders = [Contender(own, "own"), *(Contender(name, "rival") for name in others)]
        table = Table("[/levels]", "[red]return", results, strata=["[a]", "[/b]"])
        return Evaluation(contenders, [table], notes=["a [/note]"])

    spec = quick._replace(test=test)
    for name in ("[bold]", "[", "r]/[/x]"):
        assert main(["train", "quick", "smoke", *SMALL, "--out", name], specs=[spec]) == 0
        assert f"the run is in {name}\n" in capsys.readouterr().out
    assert main(["evaluate", "[bold]", "--against", "[", "r]/[/x]"], specs=[spec]) == 0
    told = capsys.readouterr().out
    names = [
        "QUICK ([bold])",
        "QUICK ([)",
        "QUICK (r]/[/x])",
        "[/levels]",
        "[red]return",
        "[/note]",
    ]
    assert all(name in told for name in names)
    assert main(["report", "[bold]"], specs=[spec]) == 0
    assert "QUICK (r]/[/x])" in (folder / "[bold]" / "report.md").read_text()


def test_two_methods_of_one_name_are_refused(folder, capsys, quick):
    assert main(["list"], specs=[quick, quick._replace(summary="another")]) == 2
    assert "two methods are called 'quick'" in capsys.readouterr().err


def test_commands_look_for_cycles_of_objects_seldom_and_leave_it_as_it_was(folder, quick):
    def build(run, world):
        seen.append(gc.get_threshold())
        return quick.build(run, world)

    seen, usual = [], gc.get_threshold()
    gc.set_threshold(700, 10, 10)
    try:
        main(["train", "quick", "smoke"], specs=[quick._replace(build=build)])
        assert gc.get_threshold() == (700, 10, 10)
    finally:
        gc.set_threshold(*usual)
    assert min(seen)[0] > 100_000
