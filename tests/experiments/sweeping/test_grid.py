"""The reader of sweeps: products, sizes, names, and what it refuses in a line."""

import math
import re
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlsuite.experiments.errors import UserError
from rlsuite.experiments.registry import Methods
from rlsuite.experiments.sweeping.grid import jobs, plan_of, plans, read_sweep, slug
from rlsuite.experiments.sweeping.tables import MOST_JOBS

METHODS = Methods()
SMALL = 'method = "a2c"\npreset = "smoke"\n'


@pytest.fixture
def written(tmp_path):
    """Writes a sweep's file, and reads it."""

    def read(text, size=None):
        path = tmp_path / "mine.toml"
        path.write_text(text)
        return read_sweep(path, size)

    return read


def test_products_vary_the_last_list_fastest_and_are_in_the_names(written):
    sweep = written(f"{SMALL}seeds = [3, 1]\n[grid]\nsteps = [2, 4]\n'agent.width' = [8, 16]")
    names = [setting.name for setting in sweep.settings]
    assert names == [
        "a2c (steps 2, agent.width 8)",
        "a2c (steps 2, agent.width 16)",
        "a2c (steps 4, agent.width 8)",
        "a2c (steps 4, agent.width 16)",
    ]
    assert [job.folder for job in jobs(sweep)][:3] == [
        "a2c-steps-2-agent-width-8-seed3",
        "a2c-steps-2-agent-width-8-seed1",
        "a2c-steps-2-agent-width-16-seed3",
    ]


def test_what_a_setting_says_itself_goes_before_what_is_said_of_all(written):
    sweep = written(
        """
        preset = "laptop"
        fields = {steps = 3, log_every = 1}
        grid.seed_of_something = [1, 2]
        [[settings]]
        method = "a2c"
        preset = "smoke"
        fields = {seed_of_something = 5}
        grid.steps = [7]
        """
    )
    (setting,) = sweep.settings
    assert setting.preset == "smoke"
    assert setting.fields == {"log_every": "1", "seed_of_something": "5", "steps": "7"}


def test_a_grid_may_have_methods_and_presets(written):
    sweep = written('grid = {method = ["a2c", "ppo"], preset = ["smoke", "laptop"]}')
    found = [(one.name, one.method, one.preset) for one in sweep.settings]
    assert found[1] == ("a2c (preset laptop)", "a2c", "laptop")
    assert len(found) == 4


def test_sizes_add_to_tables_and_replace_the_rest(written):
    text = f"{SMALL}seeds = 3\nfields.steps = 9\nfields.log_every = 3\n[sizes.small]\nseeds = [7]\n"
    sweep = written(text + "fields = {steps = 2}\n[sizes.large]\n", "small")
    assert sweep.seeds == (7,)
    assert sweep.settings[0].fields == {"steps": "2", "log_every": "3"}
    assert written(text + "[sizes.large]", "large").seeds == (0, 1, 2)


def test_a_job_is_planned_as_the_command_would_plan_it(written):
    sweep = written(
        f"{SMALL}seeds = [4]\n[fields]\n"
        'num_workers = 2\ntasks = "Pendulum-v1"\n"tasks.max_speed" = 4.0\n'
    )
    (plan,) = plans(sweep, METHODS).values()
    assert plan == plan_of(jobs(sweep)[0], METHODS)
    assert (plan.run.seed, plan.run.tasks) == (4, "Pendulum-v1")
    assert plan.world_parameters == {"max_speed": 4.0}


def test_the_example_of_the_documentation_can_be_run(written):
    page = (Path(__file__).parents[3] / "docs" / "sweeps.md").read_text()
    (example,) = re.findall(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert len(plans(written(example), METHODS)) == 15


def test_files_are_found_from_the_folder_of_the_sweep(written, tmp_path):
    sweep = written('method = "mine.py:SPEC"\npreset = "smoke"\nimports = ["worlds.py", "package"]')
    assert sweep.settings[0].method == f"{tmp_path}/mine.py:SPEC"
    assert sweep.imports == (f"{tmp_path}/worlds.py", "package")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seeds = [", "at end of document"),
        ("seeds = 1\nseeds = 2\n", "(at line 2, column 10)"),
        (f"{SMALL}sead = 1", "unknown key 'sead' (did you mean 'seeds'?)"),
        (f"{SMALL}[[settings]]\nnane = 'x'", "settings 1: unknown key 'nane'"),
        (f"{SMALL}settings = []", "settings: [] is not allowed"),
        ("preset = 'smoke'", "method: it is missing"),
        ("method = 'a2c'", "preset: it is missing"),
        (f"{SMALL}[grid]\nsteps = []", "grid.steps: [] is not allowed"),
        (f"{SMALL}[grid]\nsteps = 3", "grid.steps: 3 is not allowed"),
        (f"{SMALL}[grid]\nsteps = [3, 3]", "would have one folder"),
        (f"{SMALL}fields.steps = 3\n[grid]\nsteps = [3]", "grid.steps: it has a single value"),
        (f"{SMALL}fields = {{'a.b' = 1, a.b = 2}}", "fields.a.b: it is there twice"),
        (f"{SMALL}fields.seed = 3", "fields.seed: it is not allowed; it is said by seeds"),
        (f"{SMALL}fields.steps = 2026-01-01", "fields.steps"),
        (f"{SMALL}fields.steps = 0x{'f' * 5000}", "fields.steps: such a number"),
        (f"{SMALL}fields.steps = {'9' * 5000}", "it is no TOML"),
        (f"{SMALL}fields.{'.'.join('a' * 5000)} = 1", "nested too deeply"),
        (f"{SMALL}seeds = []", "seeds: [] is not allowed"),
        (f"{SMALL}seeds = 0", "seeds: 0 is not allowed"),
        (f"{SMALL}seeds = true", "seeds: True is not allowed"),
        (f"{SMALL}seeds = [-1]", "seeds: -1 is not allowed"),
        (f"{SMALL}seeds = [4294967296]", "seeds: 4294967296 is not allowed"),
        (f"{SMALL}seeds = [1, 2, 1]", "seeds: 1 is there twice"),
        (f"{SMALL}seeds = {MOST_JOBS}\n[grid]\nsteps = [1, 2]", "grid: it is too large"),
        (f"{SMALL}[[settings]]\nname = '§'", "settings 1: name: '§' is not allowed"),
        (f'{SMALL}[[settings]]\nname = "a\\nb"', "settings 1: name"),
        (f"{SMALL}[[claims]]\nbetter = 'a2c'", "claims 1: than: it is missing"),
        (f"{SMALL}[[claims]]\nbetter = 'a2c'\nthan = 'a2c'", "must be another one"),
        (f"{SMALL}[[claims]]\nbetter = 'b2c'\nthan = 'c2c'", "did you mean 'a2c'?"),
        (f"{SMALL}[[claims]]\nbetter = 'A2C'\nthan = 'random'", "did you mean 'a2c'?"),
        (f"{SMALL}[[claims]]\nbetter = 'a2c'\nthan = 'random'\ntext = 3", "text: 3"),
        (f"{SMALL}[sizes.small]", "a size is needed; it has small"),
        (f"{SMALL}[sizes.small]\nsizes = {{}}", "sizes.small: unknown key 'sizes'"),
    ],
)
def test_what_is_not_allowed_is_said_in_a_line(written, tmp_path, text, told):
    with pytest.raises(UserError) as refused:
        written(text)
    line = str(refused.value)
    assert told in line
    assert line.startswith(f"'{tmp_path / 'mine.toml'}': ")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("method = 'a3c'\npreset = 'smoke'", "a3c: unknown method 'a3c' (did you mean 'a2c'?)"),
        ("method = 'a2c'\npreset = 'smok'", "a2c: unknown preset 'smok'"),
        (f"{SMALL}fields.step = 3", "a2c: unknown field 'step' (did you mean 'steps'?)"),
        (f"{SMALL}fields.steps = 2.5", "a2c: steps: '2.5' is not allowed"),
        (f"{SMALL}fields.tasks = 'CartPole'", "a2c: tasks: unknown name 'CartPole'"),
        (f"{SMALL}fields = {{'life.num_workers' = 3, num_workers = 2}}", "it is there twice"),
        (f"{SMALL}fields = {{tasks = 'CartPole-v1', world = 'x'}}", "not allowed beside tasks"),
    ],
)
def test_what_a_method_does_not_know_is_said_with_the_setting(written, text, told):
    with pytest.raises(UserError) as refused:
        plans(written(text), METHODS)
    assert told in str(refused.value)


def test_an_unknown_sweep_or_size(written):
    with pytest.raises(UserError, match=r"unknown sweep 'curicula'.*did you mean 'curricula'"):
        read_sweep("curicula")
    with pytest.raises(UserError, match="there is no such file"):
        read_sweep("nowhere/curricula.toml")
    with pytest.raises(UserError, match=r"unknown size 'smok'.*did you mean 'smoke'"):
        read_sweep("curricula", "smok")
    with pytest.raises(UserError, match="it has no sizes"):
        written(SMALL, "smoke")


_WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=6)
_VALUES = st.lists(st.integers(0, 99), min_size=1, max_size=4, unique=True)


@settings(max_examples=30, deadline=None)
@given(
    grid=st.dictionaries(
        _WORDS.filter(lambda word: word not in ("seed", "method", "preset")), _VALUES, max_size=3
    ),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=3, unique=True),
)
def test_a_grid_is_the_product_of_its_lists(tmp_path_factory, grid, seeds):
    path = tmp_path_factory.mktemp("sweep") / "one.toml"
    lists = "".join(f"grid.{name} = {values}\n" for name, values in grid.items())
    path.write_text(f"{SMALL}seeds = {seeds}\n{lists}")
    sweep = read_sweep(path)
    found = jobs(sweep)
    assert len(found) == math.prod(map(len, grid.values())) * len(seeds)
    assert len({job.folder for job in found}) == len(found)
    assert [job.seed for job in found[: len(seeds)]] == seeds
    for name, values in grid.items():
        used = [setting.fields[name] for setting in sweep.settings]
        assert list(dict.fromkeys(used)) == [str(value) for value in values]


def test_numbers_and_their_opposites_have_folders_of_their_own(written):
    sweep = written(f"{SMALL}grid.entropy_weight = [-0.5, 0.5, -.5e-3]\n".replace("-.5", "-0.5"))
    assert [job.folder for job in jobs(sweep)] == [
        f"a2c-entropy-weight-{value}-seed0" for value in ("minus-0-5", "0-5", "minus-0-0005")
    ]
    assert [slug(name) for name in ("gpt-4", "A2C -1", "1e-3", "a (-.5)")] == [
        *("gpt-4", "a2c-minus-1", "1e-3", "a-minus-5"),
    ]


def test_a_link_to_a_file_is_as_good_as_the_file(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "kept.toml").write_text(SMALL)
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "mine.toml").symlink_to("../elsewhere/kept.toml")
    sweep = read_sweep(tmp_path / "here" / "mine.toml")
    assert sweep.name == "mine" and len(sweep.settings) == 1


@given(st.text())
def test_a_slug_is_a_plain_name(name):
    assert slug(slug(name)) == slug(name)
    assert set(slug(name)) <= set(string.ascii_lowercase + string.digits + "-")
