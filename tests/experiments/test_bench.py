import json
import re
import subprocess
import sys
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
from rich.console import Console

from rlsuite.experiments.bench import BENCHMARKS, Benchmark, families, find_benchmarks, processes
from rlsuite.experiments.bench import run as module
from rlsuite.experiments.bench.families.learned_policy_gradient import whole_runs
from rlsuite.experiments.bench.processes import in_fresh_process
from rlsuite.experiments.bench.run import bench
from rlsuite.experiments.bench.timing import alternate_seconds, copy, matrix_product, median
from rlsuite.experiments.cli import main
from rlsuite.experiments.errors import UserError
from rlsuite.experiments.registry import Methods, world_names


@pytest.fixture
def calls(monkeypatch) -> list[tuple[str, dict]]:
    """What would have been run in fresh processes; each benchmark gives one figure."""
    made = []

    def record(function, **arguments):
        if function == "rlsuite.experiments.bench.timing:device_kind":
            return "abacus"
        made.append((function, arguments))
        return {"beads_per_second": 1234.5}

    monkeypatch.setattr(module, "in_fresh_process", record)
    return made


def test_figures_go_to_the_table_and_the_file(tmp_path, calls, capsys):
    path = tmp_path / "bench.json"
    figures = {"beads_per_second": 1234.5}
    assert bench(["gridworld"], path, console=Console(width=100)) == {"gridworld": figures}
    assert calls == [(BENCHMARKS["gridworld"].function, {})]
    shown = capsys.readouterr().out
    assert "abacus" in shown and re.search(r"gridworld\W+beads per second\W+1,23[45]", shown)
    document = json.loads(path.read_text())
    assert (document["format"], document["format_version"]) == ("rlsuite-bench", 1)
    assert document["device"] == "abacus" and document["cpu_cores"] >= 1
    assert document["benchmarks"] == {"gridworld": figures}
    assert {"rlsuite", "python", "jax", "jaxlib", "gymnax", "flax", "optax"} <= set(
        document["versions"]
    )


def test_all_benchmarks_run_once_if_none_is_named(calls):
    assert list(bench(console=Console(quiet=True))) == list(BENCHMARKS)
    assert [function for function, _ in calls] == [each.function for each in BENCHMARKS.values()]
    assert list(bench(["startup", "startup"], console=Console(quiet=True))) == ["startup"]


def test_the_number_of_agents_goes_to_those_that_take_it(calls):
    bench(["lpg-step", "gridworld"], num_agents=3, console=Console(quiet=True))
    assert [arguments for _, arguments in calls] == [{"num_agents": 3}, {}]


def test_the_file_keeps_what_was_measured_before_a_failure(tmp_path, monkeypatch, calls):
    record = module.in_fresh_process

    def fail_later(function, **arguments):
        if function == BENCHMARKS["memory"].function:
            raise UserError("out of memory")
        return record(function, **arguments)

    monkeypatch.setattr(module, "in_fresh_process", fail_later)
    path = tmp_path / "bench.json"
    with pytest.raises(UserError, match="out of memory"):
        bench(["gridworld", "memory"], path, console=Console(quiet=True))
    assert list(json.loads(path.read_text())["benchmarks"]) == ["gridworld"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("gridwrld", "unknown benchmark 'gridwrld' (did you mean 'gridworld'?)"),
        ("lpg-step gridwrld", "did you mean 'gridworld'?"),
        ("lpg-step --agents 0", "--agents: 0 is not allowed; it must be at least 1"),
        ("--agents -3", "--agents: -3 is not allowed; it must be at least 1"),
        ("lpg-step --agents many", "--agents"),
        ("lpg-step --agents", "--agents"),
        ("gridworld --agents 4", "--agents: only lpg-step and groove-step take it"),
        ("gridworld --json no/such/folder/figures.json", "--json: 'no/such/folder/figures.json'"),
        ("no.such.module:SPEED", "'no.such.module:SPEED' can't be imported (ModuleNotFoundError"),
        ("json:SPEED", "'json:SPEED' can't be imported (AttributeError"),
        ("json:loads", "'json:loads' names a function; it must name a Benchmark"),
        ("gridworld --json .", "--json: '.' cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_runs_nothing(
    tmp_path, monkeypatch, capsys, calls, line, message
):
    monkeypatch.chdir(tmp_path)
    assert main(["bench", *line.split()]) == 2
    error = capsys.readouterr().err
    assert message in error and error.startswith("rlsuite: ") and error.count("\n") == 1
    assert calls == []


def test_help_lists_every_benchmark_without_jax():
    code = (
        "import sys\n"
        "from rlsuite.experiments.cli import main\n"
        "try:\n"
        "    main(['bench', '--help'])\n"
        "finally:\n"
        "    assert 'jax' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "--agents N" in done.stdout
    for name, benchmark in BENCHMARKS.items():
        assert re.search(rf"^  {name} +{re.escape(benchmark.summary)}$", done.stdout, re.MULTILINE)


def test_the_process_that_starts_benchmarks_leaves_the_devices_alone():
    """Importing gymnax already takes hold of them, and of an accelerator's memory."""
    code = (
        "import sys, rlsuite.experiments.bench.run, "
        "rlsuite.experiments.bench.families.learned_policy_gradient.whole_runs; "
        "from rlsuite.experiments.cli import main; "
        "assert main(['bench', 'gridwrld']) == 2; "
        "assert 'gymnax' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_shared_bench_names_no_method_and_no_world():
    shared = "".join(path.read_text() for path in Path(module.__file__).parent.glob("*.py"))
    names = [spec.name for spec in Methods()] + world_names() + list(find_benchmarks())
    named = {name for name in names if re.search(rf"\b{re.escape(name)}\b", shared)}
    # Words of English and of Python that name levels or benchmarks too.
    assert named - {"all", "large", "memory", "compile", "devices"} == set()


@pytest.fixture
def families_of_others(tmp_path, monkeypatch):
    """A folder in which further families are found."""
    monkeypatch.setattr(families, "__path__", [*families.__path__, str(tmp_path)])
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(f"{families.__name__}.{path.stem}", None)
        vars(families).pop(path.stem, None)


FAMILY = """
from rlsuite.experiments.bench.benchmark import Benchmark

BENCHMARKS = {%r: Benchmark("beads per second", "abacus:beads")}
"""


def test_a_new_family_is_a_new_file(families_of_others):
    (families_of_others / "abacus.py").write_text(FAMILY % "abacus")
    added = Benchmark("beads per second", "abacus:beads")
    expected = {name: each for name, each in BENCHMARKS.items() if name != "startup"}
    assert find_benchmarks() == expected | {"abacus": added}


def test_two_benchmarks_of_one_name_are_refused(families_of_others):
    (families_of_others / "abacus.py").write_text(FAMILY % "ppo")
    with pytest.raises(ValueError, match="two benchmarks are called 'ppo'"):
        find_benchmarks()


def test_a_benchmark_of_ones_own_is_named_by_its_place(tmp_path, monkeypatch, capsys):
    """It is run in a process of its own, which finds the module again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "own_abacus.py").write_text(
        "from rlsuite.experiments.bench import Benchmark\n"
        "SPEED = Benchmark('beads per second', 'own_abacus:beads', takes_agents=True)\n"
        "def beads(num_agents):\n"
        "    return {'beads_per_second': 7.0 * num_agents}\n"
    )
    line = "bench own_abacus:SPEED --agents 3 --json figures.json"
    assert main(line.split()) == 0
    assert "beads per second" in capsys.readouterr().out
    document = json.loads(Path("figures.json").read_text())
    assert document["benchmarks"] == {"own_abacus:SPEED": {"beads_per_second": 21.0}}


def test_every_benchmark_is_there():
    for benchmark in BENCHMARKS.values():
        assert callable(resolve_name(benchmark.function))


def test_functions_take_turns_after_a_warm_up():
    called = []
    seconds = alternate_seconds(lambda: called.append("a"), lambda: called.append("b"), repeats=3)
    assert "".join(called) == "abababab"
    assert seconds.shape == (2, 3) and (seconds >= 0).all()
    assert median(np.array([3.0, 1.0, 2.0])) == 2.0


def test_yardsticks_do_what_they_count():
    product = matrix_product(256)
    assert product.amount == 2 * 256**3 and product.run().shape == (256, 256)
    rate = product.amount / median(alternate_seconds(product.run)[0])
    assert 1e8 < rate < 1e16
    copying = copy((10, 3), times=7)
    assert copying.amount == 7 * 30 * 4
    np.testing.assert_array_equal(copying.run(), np.full((10, 3), 7.0))


def test_the_peak_of_a_fresh_process_is_its_own():
    ballast = np.ones(200_000_000)
    peak = in_fresh_process("rlsuite.experiments.bench.processes:peak_resident_bytes")
    assert 1e7 < peak < ballast.nbytes < processes.peak_resident_bytes()


def test_errors_come_back_from_a_fresh_process():
    with pytest.raises(json.JSONDecodeError, match="Expecting property name"):
        in_fresh_process("json:loads", s="{")


def test_a_fresh_process_that_dies_is_reported():
    with pytest.raises(UserError, match="os:abort: its process was ended from outside"):
        in_fresh_process("os:abort")


def test_startup_times_programs():
    figures = processes.startup({"nothing": "", "import_json": "import json"}, repeats=1)
    assert list(figures) == ["nothing_seconds", "import_json_seconds"]
    assert all(seconds > 0 for seconds in figures.values())


def test_compilation_is_measured_with_an_empty_cache_and_then_a_filled_one(monkeypatch):
    asked = []

    def record(function, *, jax_options, method, num_agents, size):
        assert jax_options["jax_enable_compilation_cache"]
        asked.append((method, jax_options["jax_compilation_cache_dir"]))
        return {"tracing": float(len(asked))}

    monkeypatch.setattr(whole_runs, "in_fresh_process", record)
    assert whole_runs.compilation(num_agents=3, size="smoke") == {
        "lpg_cold_cache_tracing_seconds": 1.0,
        "lpg_warm_cache_tracing_seconds": 2.0,
        "groove_cold_cache_tracing_seconds": 3.0,
        "groove_warm_cache_tracing_seconds": 4.0,
    }
    methods, caches = zip(*asked, strict=True)
    assert methods == ("lpg", "lpg", "groove", "groove")
    assert caches[0] == caches[1] != caches[2] == caches[3]


def test_memory_is_set_in_relation_to_the_smallest_number_of_agents(monkeypatch):
    monkeypatch.setattr(
        whole_runs,
        "in_fresh_process",
        lambda function, *, jax_options, num_agents, size: {"peak_resident": 100.0 + num_agents},
    )
    assert whole_runs.memory((20, 140)) == {
        "peak_resident_megabytes_at_20_agents": 120.0,
        "peak_resident_megabytes_at_140_agents": 240.0,
        "peak_resident_memory_ratio_of_140_to_20_agents": 2.0,
    }
