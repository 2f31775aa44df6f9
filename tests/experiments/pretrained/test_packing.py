"""Pytrees in safetensors files: all of a tree comes back, and no byte of it can change unseen."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save

from rlsuite.experiments.pretrained.packing import FORMAT, PackingError, pack, unpack

LEAVES = st.sampled_from([np.float32, np.int32, np.bool_]).flatmap(
    lambda kind: arrays(kind, array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)
TREES = st.recursive(
    LEAVES | st.none(),
    lambda parts: (
        st.dictionaries(st.text(max_size=4), parts, max_size=3)
        | st.lists(parts, max_size=3)
        | st.lists(parts, max_size=3).map(tuple)
    ),
    max_leaves=6,
)
TREE = {"layer": {"kernel": np.arange(6.0, dtype=np.float32).reshape(2, 3)}, "bias": [np.ones(2)]}
PACKED = pack(TREE, {"name": "tree"})


@settings(deadline=None)
@given(TREES, st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=3)))
def test_what_is_packed_comes_back(tree, document):
    again, same = unpack(pack(tree, document))
    assert same == document
    assert jax.tree.structure(again) == jax.tree.structure(tree)
    for ours, theirs in zip(jax.tree.leaves(again), jax.tree.leaves(tree), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


def test_the_same_bytes_come_of_the_same_tree_wherever_it_lies():
    moved = jax.tree.map(lambda leaf: np.asarray(leaf, order="F"), TREE)
    assert pack(moved, {"name": "tree"}) == PACKED


@settings(deadline=None)
@given(st.integers(0, len(PACKED) - 1), st.integers(1, 255))
def test_no_byte_can_change_unseen(place, change):
    damaged = bytearray(PACKED)
    damaged[place] ^= change
    with pytest.raises(PackingError, match=r"^is ") as error:
        unpack(bytes(damaged))
    assert "\n" not in str(error.value)


@settings(deadline=None)
@given(st.integers(0, len(PACKED) - 1))
def test_no_part_of_a_file_is_taken_for_the_whole(length):
    with pytest.raises(PackingError, match=r"^is "):
        unpack(PACKED[:length])


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, f"is no {FORMAT} file"),
        ({FORMAT: "[]"}, f"is no {FORMAT} file"),
        ({FORMAT: "{"}, "is damaged, or no safetensors file"),
        ({FORMAT: "{}"}, "is of format version None; this rlsuite reads version 1"),
        ({FORMAT: '{"format_version": 2}'}, "is of format version 2; this rlsuite reads"),
        ({FORMAT: '{"format_version": 1}'}, "is damaged: 'sha256'"),
    ],
)
def test_files_of_others_say_what_they_are(metadata, message):
    with pytest.raises(PackingError, match=message):
        unpack(save({"weights": np.ones(2)}, metadata))


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        ({"key": jax.random.key(0)}, "has a key<fry> at '/key'"),
        ({1: np.ones(2)}, "has keys at '/' that are no names"),
        ({"a/b": [object()]}, "has a object at '/a~1b/0'"),
        ([jax.tree_util.Partial(abs)], "has a Partial at '/0'"),
    ],
)
def test_what_is_no_array_is_refused_with_its_place(tree, message):
    with pytest.raises(PackingError, match=message):
        pack(tree, {})


def test_arrays_of_jax_and_short_floats_are_packed_or_refused_in_one_line():
    again, _ = unpack(pack({"weights": jnp.arange(3.0)}, {}))
    np.testing.assert_array_equal(again["weights"], [0, 1, 2])
    try:
        again, _ = unpack(pack(jnp.ones(2, jnp.bfloat16), {}))
        assert again.dtype == jnp.bfloat16
    except PackingError as error:
        assert "\n" not in str(error)


def test_the_document_is_text_that_other_programs_read():
    length = int.from_bytes(PACKED[:8], "little")
    said = json.loads(json.loads(PACKED[8 : 8 + length])["__metadata__"][FORMAT])
    assert said["document"] == {"name": "tree"}
    assert said["containers"]["dict"]["bias"] == {"list": ["/bias/0"]}
