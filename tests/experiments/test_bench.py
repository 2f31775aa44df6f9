import json

import pytest
from rich.console import Console

from experiments import bench as module
from experiments.bench import bench
from experiments.errors import UserError


def test_figures_go_to_the_table_and_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(module, "BENCHMARKS", {"answer": lambda: {"value": 42.0}})
    path = tmp_path / "bench.json"
    assert bench(json_path=path, console=Console()) == {"answer": {"value": 42.0}}
    assert "42" in capsys.readouterr().out
    document = json.loads(path.read_text())
    assert document["benchmarks"] == {"answer": {"value": 42.0}}
    assert "jax" in document["versions"]


def test_matrix_product_rate_is_a_plausible_number():
    assert 1e8 < module.matrix_product_rate(256) < 1e16


def test_unknown_benchmark():
    with pytest.raises(UserError, match="did you mean 'gridworld'"):
        bench(["gridwrld"])
