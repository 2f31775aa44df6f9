"""What was learned goes into a file and out again, and agents learn by it on any world."""

from dataclasses import fields

import jax
import numpy as np
import pytest
from gymnax.environments.classic_control.cartpole import CartPole

from rlsuite.experiments.checkpoints import Checkpoints
from rlsuite.experiments.cli import main
from rlsuite.experiments.finished import open_run
from rlsuite.experiments.folder import create_run
from rlsuite.experiments.plans import Plan
from rlsuite.experiments.pretrained.cards import Card, command, in_markdown
from rlsuite.experiments.pretrained.loading import _SHIPPED
from rlsuite.experiments.pretrained.packing import pack, unpack
from rlsuite.experiments.programs import initial_state
from rlsuite.experiments.registry import find_world
from rlsuite.lifetime import Task
from rlsuite.pretrained import PretrainedError, load, names
from tests.experiments.running import METHODS, plan_of

WORKERS = 4
# There is not always something to say.
OPTIONAL = ("world_parameters", "notes", "commit")


def begun(method, folder, **options):
    """A run of which there is the state that it starts from."""
    plan = plan_of(method, **options)
    create_run(folder, plan.describe())
    with Checkpoints(folder) as checkpoints:
        checkpoints.save(1, initial_state(plan.experiment.method, seed=0))
    return open_run(folder)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    parts = {"life": {"num_workers": WORKERS}}
    return begun("lpo", tmp_path_factory.mktemp("run") / "lpo", seed=3, parts=parts)


@pytest.fixture(scope="module")
def file(run, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "new"
    assert main(["export", str(run.directory), "--name", "mine", "--out", str(out)]) == 0
    return out / "mine.safetensors"


def refuses(capsys, message, *line):
    assert main(list(map(str, line))) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("rlsuite: ") and captured.err.count("\n") == 1
    assert message in captured.err


def test_what_a_run_has_learned_is_loaded_as_it_was(run, file):
    mine = load(file)
    jax.tree.map(np.testing.assert_array_equal, mine.parameters, run.learned)
    assert (mine.config, mine.run, mine.spec) == (run.run.method, run.run, run.spec)
    assert mine.card.name == "mine" and mine.card.steps == 1
    command = "rlsuite train lpo smoke --seed 3 --life.num_workers 4"
    assert mine.card.command == command
    assert file.with_suffix(".md").read_text() == in_markdown(mine.card)
    assert "It was not tested." in in_markdown(mine.card)


def test_agents_are_as_in_training_on_its_world_and_as_usual_elsewhere(run, file):
    mine = load(str(file))
    assert find_world("CartPole-v1").ppo.num_workers != WORKERS
    assert mine.on("CartPole-v1").life.num_workers == WORKERS
    pendulum = find_world("Pendulum-v1")
    assert mine.on(pendulum).life.num_workers == pendulum.ppo.num_workers


def test_a_world_of_ones_own_needs_no_name(file):
    class Mine(CartPole):
        @property
        def name(self):
            return "Mine"

    world = Mine()
    trainer = load(file).on(world)
    task = Task(world.default_params, 2)
    agent = jax.jit(trainer.train)(jax.random.key(0), task)
    assert agent.num_updates == 2


def test_a_link_to_a_file_is_followed_as_caches_have_them(file, tmp_path):
    (tmp_path / "linked.safetensors").symlink_to(file)
    assert load(tmp_path / "linked.safetensors").card.name == "mine"


def test_unknown_names_and_damaged_files_are_one_line(file, tmp_path, capsys):
    with pytest.raises(ValueError, match="unknown pretrained objective 'mien'"):
        load("mien")
    with pytest.raises(PretrainedError, match="there is no such file"):
        load(tmp_path / "none.safetensors")
    with pytest.raises(PretrainedError, match="is no file"):
        (tmp_path / "folder.safetensors").mkdir()
        load(tmp_path / "folder.safetensors")
    half = tmp_path / "half.safetensors"
    half.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(PretrainedError, match=r"half.safetensors' is damaged: .*"):
        load(half)


def test_files_run_no_code_whatever_they_name(file, tmp_path):
    parameters, document = unpack(file.read_bytes())
    (tmp_path / "evil.py").write_text("raise SystemExit('run')")
    place, other = f"{tmp_path / 'evil.py'}:SPEC", tmp_path / "other.safetensors"
    other.write_bytes(pack(parameters, document | {"method": place}))
    with pytest.raises(PretrainedError, match=r"of the method '.*evil.py:SPEC', which is not"):
        load(other)
    assert load(other, METHODS.find("lpo")).card.method == place
    with pytest.raises(PretrainedError, match="by whose results no agents learn"):
        load(other, METHODS.find("act-test"))
    config = document["config"] | {"stesp": 3}
    other.write_bytes(pack(parameters, document | {"config": config}))
    with pytest.raises(PretrainedError, match="unknown field 'stesp'"):
        load(other)
    del document["command"]
    other.write_bytes(pack(parameters, document))
    with pytest.raises(PretrainedError, match="its card is not whole"):
        load(other)


def test_what_can_not_be_exported_is_one_line(run, file, tmp_path, capsys):
    export = ("export", run.directory, "--out", file.parent, "--name")
    before = file.read_bytes()
    refuses(capsys, "mine.safetensors' is there; replace it with '--overwrite'", *export, "mine")
    refuses(capsys, "name: '../mine' is not allowed", *export, "../mine")
    assert main([*map(str, export), "mine", "--overwrite"]) == 0
    assert file.read_bytes() == before
    agents = begun("ppo", tmp_path / "ppo").directory
    refuses(capsys, "no agents learn by what runs of ppo", "export", agents, "--out", tmp_path)
    assert list(tmp_path.iterdir()) == [agents]


@pytest.mark.parametrize("name", names())
def test_what_is_shipped_has_a_whole_card(name):
    shipped = load(name)
    card = shipped.card
    assert card.name == name
    assert all(getattr(card, field.name) for field in fields(Card) if field.name not in OPTIONAL)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(shipped.parameters))
    assert any(score.value for table in card.held_out for score in table.scores)
    assert (_SHIPPED / f"{name}.md").read_text() == in_markdown(card)
    assert "/work" not in in_markdown(card)
    # Presets go on to other settings; what was shipped before is still trained by its command.
    world = card.world_parameters
    plan = Plan(shipped.spec, card.method, card.preset, shipped.run, world)
    assert command(plan) == card.command
