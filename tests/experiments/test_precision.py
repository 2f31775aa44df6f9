"""In a process that computes in 64 bits, everything here still computes in 32."""

import jax
import numpy as np
import pytest

from rlsuite.experiments.cli import main
from rlsuite.experiments.conformance import check_preset
from rlsuite.experiments.finished import open_run
from rlsuite.method import train
from tests.experiments.running import METHODS


@pytest.mark.parametrize("spec", list(METHODS), ids=METHODS.names)
def test_every_method_conforms_and_is_a_program_of_32_bits_in_a_process_of_64(spec):
    with jax.enable_x64(True):
        # Built there too: arrays may be made before any program is, those of worlds above all.
        method = check_preset(spec, "smoke").method
        traced = jax.make_jaxpr(train(method, 2))(jax.random.key(0))
    wide = [leaf for leaf in traced.out_avals if str(leaf.dtype) in ("float64", "int64", "uint64")]
    # The loop that counts the steps is the caller's.
    assert wide == [] and str(traced.jaxpr).count("f64[") == 0


def test_the_command_trains_and_reports_whatever_numbers_the_process_has(tmp_path):
    with (
        jax.enable_x64(True),
        jax.default_prng_impl("rbg"),
        jax.numpy_dtype_promotion("strict"),
        jax.numpy_rank_promotion("raise"),
    ):
        assert main(["train", "a2c", "smoke", f"--out={tmp_path / 'run'}"]) == 0
        assert main(["report", str(tmp_path / "run")]) == 0
        assert jax.config.read("jax_enable_x64")
        finished = open_run(tmp_path / "run")
        leaves = jax.tree.leaves(finished.learned)
    assert {str(leaf.dtype) for leaf in leaves} == {"float32", "int32"}
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert all(np.isfinite(line["critic_loss"]) for line in finished.metrics)
