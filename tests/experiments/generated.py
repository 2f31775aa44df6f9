"""Generated bad input: command lines, and edits of a run's `config.json`.

Every case follows from its number, so that one that failed can be made again.
"""

import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from rlsuite.experiments.fields import Leaf, leaves
from rlsuite.experiments.specs import MethodSpec

Fields = Mapping[str, Leaf]

HUGE = 10**400
TEXTS = [
    *("", " ", "\t", "\n", "\r\n", "a\nb", "\x00", "a\x00b", "\x1b[31m", "\u202e", "\udcff\udcfe"),
    *("nan", "NaN", "inf", "-inf", "Infinity", "-0", "-0.0", "1e400", "-1e400", "1e-400", "0x10"),
    *("١٢", "１２", "½", "1_0", "+1", "--1", "1.5", "1,5", ",", ",,", "[1]", "(1,)", "{}", "null"),
    *(
        "None",
        "none",
        "True",
        "false",
        "yes",
        "é",
        "日本語",
        "🤖",
        "[bold]x[/bold]",
        "[/]",
        "[link]",
    ),
    *(
        "%s",
        "%(x)s",
        "{x}",
        "$HOME",
        "~",
        "..",
        ".",
        "/",
        "//",
        "-",
        "--",
        "---",
        "=",
        "*",
        "'",
        '"',
    ),
    *(str(HUGE), f"-{HUGE}", "1" * 5000, "x" * 300, "x" * 5000, "é" * 200, "2147483648", "-1"),
    *("2147483647,2147483647", "9223372036854775808", "4294967296", "0", "1000000000", "1e10"),
]
NAMES = [
    *("sed", "seedd", "SEED", "se ed", "seed.", ".seed", "meta", "meta.", "meta..learning_rate"),
    *("", " ", "=", "-seed", "--seed", "é", "\x00", "\n", "x" * 5000, "__class__", "method", "0"),
    *("tasks.", "tasks.x", "tasks.\n", "tasks.tasks.tasks", "evaluation", "method.meta", "[red]"),
    *(
        "\udcff",
        "meta-",
        "learning.rate",
        "config",
        "help=1",
        "overwrite=",
        "debug-nans=1",
        "world",
    ),
]
PLACES = [
    *("nowhere", "a-file", "a-file/x", "no-run", "empty", "run", "run/config.json", "/dev/null"),
    *(
        "/proc/1/x",
        "",
        ".",
        "x" * 300,
        "/".join(["x" * 200] * 30),
        "\x00",
        "\udcff",
        "[bold]",
        "[/]",
    ),
    *("a\nb", "é" * 200, "link-to-nothing", "circle", "pipe", "~nobody/x", "-", "..."),
]
MODULES = [
    *(
        "no_such_module",
        "json.tool",
        "",
        ".",
        "..",
        ".x",
        "a..b",
        "os.path.join",
        "x:y:z",
        ":",
        "a:",
    ),
    *("a-file", "a-file.py", "no-file.py", "empty", "empty.py", "é", "\x00", "\x00.py", "x" * 5000),
    *("x" * 300 + ".py", "\udcff.py", "pipe.py", "circle.py", "raises.py", "leaves.py", "words.py"),
    *("a\nb", "[bold]", "__main__", "raises", "words", "-m", "~", "/", "1"),
]


class Line(NamedTuple):
    """A command line.

    Attributes:
      argv: its words.
      field: what has to be named if it is refused, where that is known.
      is_bad: whether it has to be refused.
    """

    argv: list[str]
    field: str = ""
    is_bad: bool = False


def command_lines(specs: Iterable[MethodSpec]) -> Callable[[int], Line]:
    """A command line for every number."""
    presets = [(spec, preset) for spec in specs for preset in spec.presets]
    fields = {spec.name: leaves(spec.presets["smoke"](None)) for spec, _ in presets}
    kinds = [
        _wrong_field,
        _wrong_value,
        _wrong_place,
        _wrong_machine,
        _wrong_module,
        _wrong_shape,
        _soup,
    ]

    def line(number: int) -> Line:
        chance = random.Random(number)
        spec, preset = chance.choice(presets)
        kind = chance.choice(kinds)
        return kind(chance, ["train", spec.name, preset], fields[spec.name])

    return line


def _wrong_field(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """An option that doesn't exist, is misspelt or given twice."""
    name = chance.choice([*NAMES, _misspelt(chance, chance.choice(list(fields)))])
    option = [f"--{name}", chance.choice(["1", "x", *TEXTS])]
    if chance.random() < 0.5:
        option = ["=".join(option)]
    where = chance.randint(1, len(start))
    return Line(start[:where] + option + start[where:])


def _wrong_value(chance: random.Random, start: list[str], fields: Fields) -> Line:
    name = chance.choice(list(fields))
    value = chance.choice(TEXTS)
    typed = chance.choice([name, name.replace("_", "-")])
    option = [f"--{typed}={value}"] if chance.random() < 0.7 else [f"--{typed}", value]
    holds_number = type(fields[name].value) in (int, float)
    is_bad = holds_number and not _is_number(value)
    return Line(start + option * chance.choice([1, 1, 2]), field=name, is_bad=is_bad)


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _wrong_place(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """A path that isn't what the command needs."""
    place = chance.choice(PLACES)
    commands = [
        [*start, "--out", place],
        [*start, f"--out={place}", "--overwrite"],
        *(["resume", place], ["resume", place, "--steps", chance.choice(TEXTS)]),
        *(["evaluate", place], ["evaluate", "run", "--against", place], ["report", place]),
        *(["compare", place, "--out", "comparison"], ["compare", "run", "--out", place]),
        *(["bench", chance.choice(TEXTS)], ["bench", "--json", place, "no-benchmark"]),
    ]
    return Line(chance.choice(commands))


def _wrong_machine(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """Devices and hosts that aren't there."""
    texts = [*TEXTS, "all", "auto", "8", "x:1", "x:0", ":1", "x:", "[::1]:80", "a:b:1", "localhost"]
    options = [
        "--devices",
        "--hosts",
        "--host-count",
        "--host_index",
        "--debug-nans",
        "--overwrite",
    ]
    command = chance.choice([start, ["resume", "run"], ["evaluate", "run"], ["list"]])
    for option in chance.sample(options, chance.choice([1, 1, 2, 3])):
        word = chance.choice(texts)
        command = command + chance.choice([[option], [option, word], [f"{option}={word}"]])
    return Line(command)


def _wrong_module(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """Worlds, modules, methods and presets that aren't any."""
    module, text = chance.choice(MODULES), chance.choice(TEXTS)
    lines = [
        [*start, "--import", module],
        [*start, f"--import={module}", "--tasks", text],
        [*start, "--tasks", text],
        [*start, "--world", text],
        [*start, "--tasks", "CartPole-v1", f"--tasks.{chance.choice(NAMES)}={text}"],
        [*start, "--tasks", "CartPole-v1", f"--tasks.gravity={text}"],
        ["train", module, "smoke"],
        ["train", f"{module}:{chance.choice(['SPEC', '', 'x.y', text])}", "smoke"],
        ["train", start[1], text],
        ["train", text, text],
    ]
    return Line(chance.choice(lines))


def _wrong_shape(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """Words where none belong, and lone dashes."""
    odd = ["--", "-", "---", "--=", "--=x", "---seed", "-x", "-h=1", "--seed", "--out", "--import"]
    word = chance.choice([*odd, *TEXTS])
    line = chance.choice(
        [start, ["resume", "run"], ["report", "run"], ["list"], ["bench"], ["compare", "run"], []]
    )
    where = chance.randint(0, len(line))
    line = line[:where] + [word] * chance.choice([1, 1, 1, 2, 3]) + line[where:]
    return Line(line)


def _soup(chance: random.Random, start: list[str], fields: Fields) -> Line:
    """Anything in any order."""
    words = [*start, *TEXTS, *(f"--{name}" for name in [*NAMES, *fields]), *PLACES, *MODULES]
    return Line([chance.choice(words) for _ in range(chance.randint(1, 8))])


def _misspelt(chance: random.Random, name: str) -> str:
    where = chance.randrange(len(name))
    return (
        name[:where] + chance.choice(["", "x", "-", ".", "é", name[where] * 2]) + name[where + 1 :]
    )


class Expected(NamedTuple):
    """What is known of the answer to an edit: `field` and `is_bad` as those of a line."""

    field: str = ""
    is_bad: bool = False


Edit = Callable[[Path, dict[str, Any]], Expected]
"""Changes a run's `config.json`, given the file and what it says."""


VALUES = [
    *(None, True, False, 0, -0.0, 1, -1, 1.5, 1e300, 2**31, 2**64, HUGE, -HUGE, "", "x", "1", "\n"),
    *("\x00", "\ud800", "é", "x" * 5000, [], {}, [None], [[]], {"a": 1}, {"": {}}, [HUGE], [1.5]),
    *("../../etc/passwd", "/dev/stdin", "pipe.py", "circle.py", "raises.py:SPEC", "json:dumps"),
    *(math.nan, math.inf, -math.inf, ["x"], [""], [math.nan], "NaN", "none", "groove", "smoke"),
]
VERSIONS = ["2", "3", 3.0, 2, 0, -1, True, None, [], {}, [3], HUGE, math.nan, "x" * 300, "\n", 3.5]


def edit(number: int) -> Edit:
    """An edit for every number."""
    chance = random.Random(number)
    kinds = [_of_a_value, _of_a_value, _of_a_key, _of_the_version, _of_the_text, _of_the_file]
    return chance.choice(kinds)(chance)


def _of_a_value(chance: random.Random) -> Edit:
    seed, value = chance.random(), chance.choice(VALUES)

    def apply(path: Path, document: dict[str, Any]) -> Expected:
        holder, key = _somewhere(random.Random(seed), document)
        held, holder[key] = holder[key], value
        path.write_text(json.dumps(document))
        is_field = any(holder is inner for inner, _ in _places(document["config"]))
        if not is_field or isinstance(holder, list):
            return Expected()
        was_number, is_nothing = type(held) in (int, float), value is None
        return Expected(key, is_bad=was_number and not is_nothing and not _is_finite(value))

    return apply


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and _is_number(str(value))


def _of_a_key(chance: random.Random) -> Edit:
    """A key is taken away, renamed, put a level deeper, or there twice."""
    seed, what = chance.random(), chance.choice(["delete", "rename", "nest", "double"])
    name = chance.choice(["", "x", "\x00", "é", "seed", "config", "__class__", "x" * 5000])

    def apply(path: Path, document: dict[str, Any]) -> Expected:
        holder, key = _somewhere(random.Random(seed), document)
        value = holder.pop(key)
        if what == "delete":
            pass
        elif isinstance(holder, list):
            holder.append([value])
        else:
            holder[name if what == "rename" else key] = {"x": value} if what == "nest" else value
        text = json.dumps(document)
        if what == "double":
            text = text.replace("{", '{"method": 1, "seed": NaN, ', 1)
        path.write_text(text)
        return Expected()

    return apply


def _of_the_version(chance: random.Random) -> Edit:
    version = chance.choice(VERSIONS)

    def apply(path: Path, document: dict[str, Any]) -> Expected:
        path.write_text(json.dumps({**document, "format_version": version}))
        return Expected("format version", is_bad=True)

    return apply


def _of_the_text(chance: random.Random) -> Edit:
    """What is no JSON, or in another encoding."""
    place, depth = chance.random(), 10 ** chance.randint(2, 5)
    odd = chance.choice(["[", "{", "]", "}", ",", "NaN", "\x00", "é", '"', "\\", "\ufeff", "1e999"])
    ways: list[tuple[Callable[[str], bytes], bool]] = [
        (lambda text: text[: int(place * len(text))].encode(), True),
        (lambda text: text.encode("utf-16"), True),
        (lambda text: text.encode("utf-32"), True),
        (lambda text: b"\xef\xbb\xbf" + text.encode(), False),
        (lambda text: text.replace("groove", "gr\xf6ve").encode("latin-1"), True),
        (lambda text: b"", True),
        (lambda text: b" \n\t", True),
        (lambda text: b"\xff" * 100, True),
        (lambda text: b"\x00" * 100, True),
        (lambda text: text.replace("{", "[" * depth, 1).encode(), True),
        (lambda text: ("[" * depth + text + "]" * depth).encode(), True),
        (lambda text: text.replace("null", "[" * depth + "]" * depth, 1).encode(), True),
        (lambda text: text.replace("null", '{"a":' * depth + "1" + "}" * depth, 1).encode(), True),
        (lambda text: text.replace("null", "9" * 5000, 1).encode(), True),
        (lambda text: text.replace(" 0,", " -0,").replace("0.9", "9" * 400).encode(), False),
        (lambda text: (text + " " * 10**6).encode(), False),
        (lambda text: (text + text).encode(), True),
        (lambda text: _with(text, place, odd).encode(), False),
    ]
    way, is_bad = chance.choice(ways)

    def apply(path: Path, document: dict[str, Any]) -> Expected:
        text = json.dumps(document, indent=2)
        path.write_bytes(way(text))
        return Expected(is_bad=is_bad and way(text) != text.encode())

    return apply


def _with(text: str, place: float, mark: str) -> str:
    where = int(place * len(text))
    return text[:where] + mark + text[where:]


def _of_the_file(chance: random.Random) -> Edit:
    """Something that is no file of the folder."""
    ways: list[Callable[[Path], object]] = [
        lambda path: path.unlink(),
        lambda path: path.mkdir(),
        lambda path: os.mkfifo(path),
        lambda path: path.symlink_to("nothing"),
        lambda path: path.symlink_to(path.name),
        lambda path: path.symlink_to("/dev/zero"),
        lambda path: path.symlink_to("/etc/passwd"),
        lambda path: path.symlink_to(path.parent.parent / "foreign.json"),
    ]
    way = chance.choice(ways)

    def apply(path: Path, document: dict[str, Any]) -> Expected:
        del document
        if way is not ways[0]:
            path.unlink()
        way(path)
        return Expected(is_bad=True)

    return apply


def _somewhere(chance: random.Random, document: Any) -> tuple[Any, Any]:
    """A place in a document: what holds it, and by which key or index."""
    return chance.choice(list(_places(document)))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


def prepare(folder: Path) -> None:
    """Fills a folder with what `PLACES` and `MODULES` name, but for the run."""
    texts = {
        "a-file": "x",
        "a-file.py": "x = (",
        "no-run/x": "x",
        "empty.py": "",
        "empty/.keep": "",
    }
    modules = {"raises.py": "raise ValueError('a\\nb')", "leaves.py": "import sys; sys.exit(3)"}
    for name, text in {**texts, **modules, "words.py": "SPEC = 3"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    (folder / "empty" / ".keep").unlink()
    for name, target in {
        "link-to-nothing": "nothing",
        "circle": "circle",
        "circle.py": "circle.py",
    }.items():
        (folder / name).symlink_to(target)
    for name in ("pipe", "pipe.py"):
        os.mkfifo(folder / name)


def contents(folder: Path) -> dict[str, bytes | None]:
    """All that a folder holds, with the contents of files."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        if path.is_file() and not path.is_symlink()
        else None
        for path in folder.rglob("*")
        if "__pycache__" not in path.parts
    }


def put_back(folder: Path, before: Mapping[str, bytes | None]) -> None:
    """Takes away what a folder did not hold before, and writes the files that it did."""
    for name in contents(folder).keys() - before.keys():
        path = folder / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(
            missing_ok=True
        )
    for name, content in before.items():
        path = folder / name
        if content is not None and not (
            path.is_file() and not path.is_symlink() and path.read_bytes() == content
        ):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
            path.write_bytes(content)
