"""Pytrees of arrays in safetensors files, whose metadata says how they hang together.

Tensors are named by their paths as JSON pointers (RFC 6901). Beside them the file's metadata has
the format, the containers, a document in JSON and a digest of all of it. Reading one runs no code.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import PyTree
from safetensors import SafetensorError
from safetensors.numpy import load as load_tensors
from safetensors.numpy import save as save_tensors

FORMAT, FORMAT_VERSION = "rlsuite-pretrained", 1
_LENGTH_BYTES = 8


class PackingError(ValueError):
    """What can't be packed, or unpacked; says why in a few words that follow what it is of."""


def pack(tree: PyTree, document: Mapping[str, Any]) -> bytes:
    """A tree and a document as the bytes of a safetensors file.

    Args:
      tree: dictionaries with names as keys, lists, tuples and None, with arrays at its leaves.
      document: in terms of JSON.

    Raises:
      PackingError: if there is anything else in the tree.
    """
    tensors: dict[str, np.ndarray] = {}
    said = {
        "format_version": FORMAT_VERSION,
        "containers": _taken_apart(tree, "", tensors),
        "document": document,
    }
    said["sha256"] = _digest(said, tensors)
    try:
        # One entry, as several of them would be written in any order.
        return save_tensors(tensors, {FORMAT: json.dumps(said)})
    except (SafetensorError, KeyError) as error:
        raise PackingError(f"has a type of numbers that can't be written ({error})") from error


def unpack(content: bytes) -> tuple[PyTree, Any]:
    """The inverse of `pack`: the tree, with NumPy arrays at its leaves, and the document.

    Raises:
      PackingError: if the bytes aren't those that were packed, or of another format version.
    """
    said = _said(content)
    version = said.get("format_version")
    if version != FORMAT_VERSION:
        raise PackingError(
            f"is of format version {version}; this rlsuite reads version {FORMAT_VERSION}"
        )
    try:
        tensors = load_tensors(content)
        if said.pop("sha256") != _digest(said, tensors):
            raise ValueError("it is not what its 'sha256' was made of")
        return _put_together(said["containers"], tensors), said["document"]
    except (SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise PackingError(f"is damaged: {error}") from error


def _said(content: bytes) -> dict[str, Any]:
    """What a file says beside its tensors."""
    length = int.from_bytes(content[:_LENGTH_BYTES], "little")
    try:
        header = json.loads(content[_LENGTH_BYTES : _LENGTH_BYTES + length].decode())
        said = json.loads(header.get("__metadata__", {}).get(FORMAT, "null"))
    except (AttributeError, TypeError, ValueError, RecursionError) as error:
        raise PackingError("is damaged, or no safetensors file") from error
    if not isinstance(said, dict):
        raise PackingError(f"is no {FORMAT} file")
    return said


def _taken_apart(tree: PyTree, path: str, tensors: dict[str, np.ndarray]) -> Any:
    """The containers of a tree in terms of JSON; its leaves are put into `tensors`, by path."""
    if tree is None:
        return None
    if type(tree) is dict:
        if not all(isinstance(key, str) for key in tree):
            raise PackingError(f"has keys at '{path or '/'}' that are no names")
        parts = {key: _taken_apart(tree[key], _below(path, key), tensors) for key in sorted(tree)}
        return {"dict": parts}
    if type(tree) in (list, tuple):
        kind = "list" if type(tree) is list else "tuple"
        return {
            kind: [
                _taken_apart(part, _below(path, index), tensors) for index, part in enumerate(tree)
            ]
        }
    tensors[path or "/"] = _tensor(tree, path)
    return path or "/"


def _tensor(leaf: Any, path: str) -> np.ndarray:
    # What has parts of its own would become an array of objects, or lose its name.
    if not hasattr(leaf, "dtype") or not hasattr(leaf, "shape"):
        raise PackingError(f"has a {type(leaf).__name__} at '{path or '/'}'")
    try:
        # safetensors writes what lies in memory, in whatever order that is.
        return np.array(leaf, order="C")
    except TypeError as error:
        raise PackingError(f"has a {leaf.dtype} at '{path or '/'}'") from error


def _below(path: str, key: str | int) -> str:
    return f"{path}/{str(key).replace('~', '~0').replace('/', '~1')}"


def _put_together(containers: Any, tensors: Mapping[str, np.ndarray]) -> PyTree:
    if containers is None:
        return None
    if isinstance(containers, str):
        return tensors[containers]
    ((kind, parts),) = containers.items()
    if kind == "dict":
        return {key: _put_together(part, tensors) for key, part in parts.items()}
    return {"list": list, "tuple": tuple}[kind](_put_together(part, tensors) for part in parts)


def _digest(said: Mapping[str, Any], tensors: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"\n{name} {tensor.dtype} {tensor.shape}\n".encode())
        digest.update(tensor.tobytes())
    return digest.hexdigest()
