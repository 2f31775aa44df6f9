"""What README and docs say can be done: their code runs, their commands are understood."""

import pkgutil
import re
import shlex
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml

import rlsuite
from rlsuite.experiments import cli
from rlsuite.experiments.bench import BENCHMARKS
from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.evaluate_options import join_settings, settings_in
from rlsuite.experiments.fields import leaves
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.programs import initial_state
from rlsuite.experiments.runner import Outcome
from tests.experiments.running import METHODS, plan_of

ROOT = Path(__file__).parent.parent
DOCS = sorted((ROOT / "docs").rglob("*.md"))
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
# What commands have written is tested where they are.
WRITTEN = {page for page in DOCS if page.is_relative_to(ROOT / "docs" / "results" / "sweeps")}
PAGES = (ROOT / "README.md", *(page for page in DOCS if page not in WRITTEN), CONTRIBUTING)
README = PAGES[0].read_text()
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


# What takes minutes to run, or needs what such runs leave behind.
LONG = [page for page in DOCS if page.parent.name in ("docs", "results") and page.stem != "index"]
GUIDES = [page for page in DOCS if page not in LONG and page not in WRITTEN]


def python_in(page):
    """Its blocks of Python, but for files of the tests, and `py`, which reads what runs left."""
    blocks = [code for language, code in FENCED.findall(page.read_text()) if language == "python"]
    return [code for code in blocks if not code.startswith("--8<--")]


class Line(NamedTuple):
    """A command as a page has it: in a block of its own, or in the midst of a sentence."""

    page: str
    text: str
    in_block: bool


def lines_of(program):
    """All commands of a program, those in blocks joined where a backslash breaks them."""
    found = []
    for page in PAGES:
        text = page.read_text()
        blocks = [
            code.replace("\\\n", " ") for language, code in FENCED.findall(text) if not language
        ]
        ours = re.compile(rf"(?:^|\bdo ){program}( [^\n;#]+)", re.MULTILINE)
        found += [Line(page.name, line, True) for block in blocks for line in ours.findall(block)]
        spans = re.findall(rf"`{program}( [^`]+)`", FENCED.sub("", text))
        found += [Line(page.name, " ".join(line.split()), False) for line in spans]
    return found


COMMANDS = lines_of("rlsuite")


def shown(line):
    return f"{line.page}:{line.text}" if isinstance(line, Line) else None


def is_whole(line):
    """Whether it says all its arguments, as those in blocks must."""
    return line.in_block or (" " in line.text.strip() and not re.search("[…{]", line.text))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with somebody's method and world in it."""
    (tmp_path / "my_package").mkdir()
    (tmp_path / "my_package" / "module.py").write_text(
        "from rlsuite.experiments.registry import Methods\n"
        "SPEC = Methods().find('a2c')._replace(name='mine')\n"
    )
    (tmp_path / "my_worlds.py").write_text(
        "import gymnax\n"
        "from gymnax.environments.classic_control.cartpole import CartPole\n"
        "class MyWorld(CartPole):\n"
        "    name = 'MyWorld-v0'\n"
        "gymnax.register('MyWorld-v0', MyWorld)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_the_two_commands_come_first():
    assert FENCED.search(README).group(2) == "make groove\nmake test\n"
    assert len([line for line in COMMANDS if line.in_block]) > 15


FIELDS_OF_TESTS = {
    name
    for spec in METHODS
    for name in leaves(spec.presets["smoke"](None))
    if name.startswith("evaluation.")
}
"""What a method's own test can be told."""


def distinct(lines):
    """Each command once, however many pages have it."""
    return list({tuple(shlex.split(line.text)): line for line in reversed(lines)}.values())[::-1]


@pytest.mark.parametrize("line", distinct([line for line in COMMANDS if is_whole(line)]), ids=shown)
def test_commands_are_understood(line, folder, monkeypatch, capsys):
    # What predicts a run is understood as what makes it.
    argv = [word for word in shlex.split(line.text) if word != "--dry-run"]
    if argv[0] != "train":
        parser, _ = cli._parsers()
        arguments, rest = parser.parse_known_args(join_settings(argv))
        told = settings_in(rest, arguments.worlds) if argv[0] == "evaluate" else rest
        assert set(told) <= FIELDS_OF_TESTS
        names = getattr(arguments, "names", [])
        assert {name for name in names if ":" not in name} <= set(BENCHMARKS)
        return
    # All but the run itself: found, read, checked, built, and written into a folder of its own.
    monkeypatch.setattr("rlsuite.experiments.runner.run", lambda *_, **__: Outcome(1, False))
    monkeypatch.setattr(
        "rlsuite.experiments.runner.run_together",
        lambda _, configs, **__: [Outcome(1, False) for _ in configs],
    )
    # What traces the whole program, as the conformance test does with each preset.
    monkeypatch.setattr("rlsuite.experiments.fitting.check_fits", lambda *_: None)
    # Neither the devices nor the hosts need be there.
    monkeypatch.setattr(jax, "devices", lambda: [jax.local_devices()[0]] * 8)
    monkeypatch.setattr("rlsuite.experiments.hosts.join", lambda hosts: None)
    if "--help" in argv:
        assert cli.main(argv) == 0
        return
    status = cli.main(argv)
    # Worlds of packages that are not installed are known for what they need.
    if "install the extra" not in capsys.readouterr().err:
        assert status == cli.INTERRUPTED
        num_runs = int(argv[argv.index("--seeds") + 1]) if "--seeds" in argv else 1
        assert len(list((folder / "runs").rglob("config.json"))) == num_runs


@pytest.mark.parametrize("line", [line for line in COMMANDS if not is_whole(line)], ids=shown)
def test_commands_that_are_named_exist(line):
    _, commands = cli._parsers()
    assert line.text.split()[0] in {*commands, "--help"}


@pytest.mark.parametrize("line", lines_of("make"), ids=shown)
def test_targets_and_what_they_are_given_exist(line):
    target, *variables = shlex.split(line.text)
    assert re.search(rf"^{target}:.* ## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for variable in variables:
        name, _, values = variable.partition("=")
        assert name == "METHODS" and set(values.split()) <= set(METHODS.names)


def test_the_table_of_methods_is_that_of_the_registry():
    (table,) = re.findall(r"^\| command \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", README, re.MULTILINE)
    row = r"\| `rlsuite train (\S+) …` \| .+ \| (?:\[(\S+)\]\(https://arxiv.org/abs/(\S+)\)|–) \|"
    rows = [re.fullmatch(row, line).groups() for line in table.splitlines()]
    assert {name: (text, link) for name, text, link in rows} == {
        spec.name: (spec.paper, spec.paper) for spec in METHODS
    }
    assert len(re.findall(r"^\| `rlsuite train ", README, re.MULTILINE)) == len(rows)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_pages_link_to_is_there(page):
    text = page.read_text()
    links = re.findall(r"\]\(([^)#]+)\)", text)
    assert all((page.parent / link).exists() for link in links if "://" not in link)
    files = re.findall(r"`((?:envs|rlsuite|experiments|docs|tests)/[\w/.-]+)`", text)
    assert all((ROOT / file).exists() for file in files)


def begin(method, directory):
    """A run that has been saved before it has learned anything."""
    plan = plan_of(method)
    create_run(directory, plan.describe())
    with Checkpoints(directory) as checkpoints:
        checkpoints.save(1, initial_state(plan.experiment.method, seed=0))


@pytest.mark.parametrize("code", python_in(PAGES[0]), ids=lambda code: code.splitlines()[-1])
def test_code_of_the_readme_runs(code, folder):
    if "runs/groove" in code:
        begin("groove", folder / "runs" / "groove")
    names = {}
    exec(code, names)
    if "agent" in names:
        # One that has not learned falls after about 20 steps. How far this one comes is a matter of
        # rounding: with sixteen keys of its own world between 130 and 500.
        assert names["agent"].num_updates == 30 and names["mean_return"] > 60
    elif "parameters" in names:
        learned = open_run(folder / "runs" / "groove").state.parameters
        assert jax.tree.all(jax.tree.map(np.array_equal, names["parameters"], learned))
    else:
        assert np.isfinite(np.nanmean(names["metrics"]["agent_return"], axis=1)).all()
        assert np.shape(names["metrics"]["agent_return"]) == (2, 20)


@pytest.mark.parametrize(
    "code",
    [code for page in LONG for code in python_in(page)],
    ids=lambda code: code.splitlines()[-1],
)
def test_code_of_long_runs_can_be_traced(code):
    calls = []

    def traced(function, **options):
        def call(*arguments):
            calls.append(function)
            shapes = jax.eval_shape(function, *arguments)
            return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)

        return call

    exec(re.sub(r"(?<!import )\b((jax|rlsuite)\.)?jit\(", "traced(", code), {"traced": traced})
    assert calls


def names_after(page):
    """What is there after all code of a page, block by block."""
    names = {}
    for code in python_in(page):
        exec(code, names)
    return names


def test_the_training_run_learns_cart_pole():
    metrics = names_after(ROOT / "docs" / "guides" / "one_training_run.md")["metrics"]
    assert np.nanmean(metrics["return"][:, :3]) < 60
    assert np.nanmean(metrics["return"][:, -10:], axis=1).min() > 400


@pytest.mark.parametrize(
    "page",
    [page for page in GUIDES if page.stem != "one_training_run" and python_in(page)],
    ids=lambda page: page.stem,
)
def test_code_of_guides_runs(page, folder):
    if page.stem == "use_a_trained_agent":
        begin("ppo", folder / "runs" / "agents")
    names = names_after(page)
    if "metrics" in names:
        assert np.isfinite(names["metrics"]["policy_entropy"]).all()
    if page.stem == "add_a_method":
        state = jax.eval_shape(names["method"].init, jax.random.key(0))
        _, metrics = jax.eval_shape(names["method"].step, state)
        assert metrics["score"].shape == ()
    if page.stem == "use_a_trained_agent":
        # Of whole episodes of CartPole, which pays 1 for each step.
        assert min(names["returns"].min(), names["score"]) >= 8


def test_every_method_has_a_page_and_every_page_is_in_the_navigation():
    def pages(entries):
        for entry in entries:
            inner = next(iter(entry.values())) if isinstance(entry, dict) else entry
            yield from [inner] if isinstance(inner, str) else pages(inner)

    listed = sorted(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]))
    assert listed == sorted(str(page.relative_to(ROOT / "docs")) for page in DOCS)
    assert {f"methods/{name}.md" for name in METHODS.names} <= set(listed)


def test_every_module_of_the_core_is_in_the_reference():
    described = {
        name
        for page in (ROOT / "docs" / "reference").glob("*.md")
        for name in re.findall(r"^::: (\S+)$", page.read_text(), re.MULTILINE)
    }
    core = {f"rlsuite.{module.name}" for module in pkgutil.iter_modules(rlsuite.__path__)}
    # The shell is described as far as others call it; what is shipped lies in it.
    assert core - {"rlsuite.experiments", "rlsuite.pretrained"} <= described
