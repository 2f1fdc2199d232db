"""The corpus of bad submissions that need no particular family: what was done, and why it fails.

Each entry changes the copy of a valid submission in place. `FILES` are about what lies in the
folder, `TEXT` about JSON, `HEADS` about what is stated, `RECORDS` about what was replayed.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

Change = Callable[[Path], None]


class Bad(NamedTuple):
    """A bad submission: its name, how it is made of a good one, and the reason (a pattern)."""

    name: str
    change: Change
    reason: str


def write(name: str, content: bytes) -> Change:
    """Add or replace a file."""

    def change(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return change


def link(name: str, target: str) -> Change:
    """Replace a file by a symbolic link."""

    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(target)

    return change


def sparse(name: str, size: int) -> Change:
    """Make a file so long without writing it."""

    def change(folder: Path) -> None:
        (folder / name).touch()
        os.truncate(folder / name, size)

    return change


def bomb(folder: Path) -> None:
    """Add an archive that would unpack to 100 MB."""
    with zipfile.ZipFile(folder / "records.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("../../records.jsonl", b"0" * 100_000_000)


def packed(content: bytes | None = None) -> Change:
    """Compress the records, or something else in their place."""

    def change(folder: Path) -> None:
        path = folder / "records.jsonl"
        found = path.read_bytes() if content is None else content
        path.unlink()
        (folder / "records.jsonl.gz").write_bytes(gzip.compress(found, 1))

    return change


def padded(folder: Path) -> None:
    """Compress records with so many blanks that they would unpack to 209 MB."""
    path = folder / "records.jsonl"
    line = path.read_bytes().splitlines()[0] + b" " * 19_000_000 + b"\n"
    path.unlink()
    with gzip.open(folder / "records.jsonl.gz", "wb", 1) as file:
        for _ in range(11):
            file.write(line)


def cut(folder: Path) -> None:
    """Compress the records and cut the file off."""
    packed()(folder)
    path = folder / "records.jsonl.gz"
    os.truncate(path, path.stat().st_size // 2)


def trailed(folder: Path) -> None:
    """Compress the records and append something that is not."""
    packed()(folder)
    with (folder / "records.jsonl.gz").open("ab") as file:
        file.write(pickle.dumps(Evil()))


def only(content: bytes) -> Change:
    """Put bytes in place of compressed records."""

    def change(folder: Path) -> None:
        (folder / "records.jsonl").unlink()
        (folder / "records.jsonl.gz").write_bytes(content)

    return change


def pipe(folder: Path) -> None:
    """Put a pipe, on which a reader would wait for ever, in place of the records."""
    (folder / "records.jsonl").unlink()
    os.mkfifo(folder / "records.jsonl")


def head(path: str, value: Any) -> Change:
    """Set an entry of the head; `path` is dotted."""

    def change(folder: Path) -> None:
        document = json.loads((folder / "submission.json").read_text())
        place = document
        *steps, last = [int(step) if step.isdigit() else step for step in path.split(".")]
        for step in steps:
            place = place[step]
        place[last] = value
        (folder / "submission.json").write_text(json.dumps(document))

    return change


def raw(old: str, new: str, file: str = "records.jsonl") -> Change:
    """Replace text where it first stands."""

    def change(folder: Path) -> None:
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1))

    return change


def records(edit: Callable[[list[Any]], object]) -> Change:
    """Change the list of records."""

    def change(folder: Path) -> None:
        path = folder / "records.jsonl"
        found = [json.loads(line) for line in path.read_text().splitlines()]
        edit(found)
        path.write_text("".join(json.dumps(record) + "\n" for record in found))

    return change


def field(name: str, value: Any, index: int = 1) -> Change:
    """Set a field of a record."""
    return records(lambda found: found[index].update({name: value}))


def metric(name: str, factor: float, index: int = 1) -> Change:
    """Scale a metric of a record."""

    def edit(found: list[Any]) -> None:
        found[index]["metrics"][name] *= factor

    return records(edit)


def column(name: str, edit: Callable[[list[Any]], object]) -> Change:
    """Change a column of the first record's schedule."""
    return records(lambda found: edit(found[0]["schedule"][name]))


def moves(edit: Callable[[list[Any]], object], index: int = 0) -> Change:
    """Change a record's actions and keep its number of steps right."""

    def change(found: list[Any]) -> None:
        edit(found[index]["actions"])
        found[index]["steps"] = len(found[index]["actions"])

    return records(change)


def shift(values: list[Any]) -> None:
    """Let something start a little earlier."""
    values[3] -= 1e-9


def both(*changes: Change) -> Change:
    """Make several changes."""

    def change(folder: Path) -> None:
        for one in changes:
            one(folder)

    return change


def safetensors(header: bytes, content: bytes = b"") -> bytes:
    """Bytes of a file of tensors."""
    return struct.pack("<Q", len(header)) + header + content


class Evil:
    """Unpickling it would run a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/chipgym-was-owned",)


# ModelProto: ir_version 8, and a graph whose one initializer lies in another file.
EXTERNAL = b"\x08\x08\x3a\x06\x2a\x04\x70\x01\x6a\x00"
HOLE = b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}'
SHORT = b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,8]}}'

FILES = [
    Bad("pickle", write("policy.pkl", pickle.dumps(Evil())), r"policy\.pkl: not allowed"),
    Bad("torch archive", write("policy.pt", b"PK\x03\x04"), r"policy\.pt: not allowed"),
    Bad("pickle as onnx", write("policy.onnx", pickle.dumps(Evil())), "not onnx"),
    Bad("zip as onnx", write("policy.onnx", b"PK\x03\x04" * 9), "not onnx"),
    Bad("onnx with a path", write("policy.onnx", EXTERNAL), "lies in another file"),
    Bad("empty onnx", write("policy.onnx", b""), "not onnx: no model"),
    Bad("pickle as tensors", write("policy.safetensors", pickle.dumps(Evil())), "not safetensors"),
    Bad("endless header", write("policy.safetensors", b"\xff" * 64), "no header of tensors"),
    Bad("hole", write("policy.safetensors", safetensors(HOLE, b"0" * 12)), "a tensor of 8 bytes"),
    Bad("short", write("policy.safetensors", safetensors(SHORT, b"0" * 8)), "a tensor of 36 bytes"),
    Bad("large policy", sparse("policy.onnx", 100_000_001), "allowed: at most 100000000"),
    Bad("zip bomb", bomb, r"records\.zip: not allowed"),
    Bad("both forms", write("records.jsonl.gz", b"\x1f\x8b"), "has both records.jsonl"),
    Bad("not compressed", only(b"{}\n"), "not gzip"),
    Bad("pickle as gzip", only(pickle.dumps(Evil())), "not gzip"),
    Bad("cut compression", cut, "not gzip: Compressed file ended"),
    Bad("more after the compression", trailed, "not gzip: Not a gzipped file"),
    Bad("wrong checksum", only(gzip.compress(b"{}")[:-8] + b"0" * 8), "line 1: |not gzip"),
    Bad("zeros unpacked", packed(b"0" * 100_000_000), "line 1: over 20000000 bytes"),
    Bad("blanks unpacked", padded, "holds over 200000000 bytes"),
    Bad("lines unpacked", packed(b"\n" * 10_000_000), "line 1: not JSON"),
    Bad("empty compression", packed(b""), "7 records are missing"),
    Bad("large compression", sparse("records.jsonl.gz", 20_000_001), "allowed: at most 20000000"),
    Bad("compression in a zip", write("records.jsonl.zip", b"PK\x03\x04"), "not allowed"),
    Bad("code", write("sitecustomize.py", b"1/0"), r"sitecustomize\.py: not allowed"),
    Bad("hidden file", write(".gitattributes", b"* filter=x"), r"\.gitattributes: not allowed"),
    Bad("folder", lambda folder: (folder / "more").mkdir(), "more: not allowed"),
    Bad("link to a file", link("records.jsonl", "/etc/passwd"), r"records\.jsonl: not allowed"),
    Bad("link upwards", link("README.md", "../../secret"), r"README\.md: not allowed"),
    Bad("link to a device", link("submission.json", "/dev/zero"), "not allowed"),
    Bad("pipe", pipe, r"records\.jsonl: not allowed"),
    Bad("no records", lambda f: (f / "records.jsonl").unlink(), r"records\.jsonl: missing"),
    Bad("no head", lambda f: (f / "submission.json").unlink(), r"submission\.json: missing"),
    Bad("large head", sparse("submission.json", 1_000_001), "allowed: at most 1000000"),
    Bad("large records", sparse("records.jsonl", 200_000_001), "allowed: at most 200000000"),
    Bad("large readme", sparse("README.md", 100_001), "allowed: at most 100000"),
]

TEXT = [
    Bad("deep head", write("submission.json", b"[" * 100_000), "not JSON"),
    Bad("deep record", write("records.jsonl", b'{"a":' * 100_000), "line 1: not JSON"),
    Bad("long number", write("records.jsonl", b"9" * 100_000), "line 1: not JSON: an integer of"),
    Bad("not text", write("records.jsonl", b"\xff\xfe{}"), "line 1: not JSON"),
    Bad("empty", write("records.jsonl", b""), "7 records are missing"),
    Bad("cut off", lambda f: os.truncate(f / "records.jsonl", 99), "line 1: not JSON"),
    Bad("list", write("records.jsonl", b"[1, 2]\n"), "line 1: "),
    Bad("blank line", write("records.jsonl", b"\n"), "line 1: not JSON"),
    Bad("key twice", raw('{"task"', '{"task": "x", "task"'), "the key 'task' is there twice"),
    Bad("NaN", field("episode_return", float("nan")), "NaN is no number of JSON"),
    Bad("infinity", field("episode_return", float("inf")), "Infinity is no number of JSON"),
    Bad("overflow", raw('"episode_return":', '"episode_return":1e999,"x":'), "larger than any"),
    Bad("too many", records(lambda found: found.extend(found[:1] * 20_000)), "more than 20000"),
]

HEADS = [
    Bad("claimed score", head("claims.iqm", 9.0), r"claimed iqm = 9\.0, recomputed"),
    Bad("claimed mean", head("claims.mean_metric.heavy", 1.0), "claimed mean metric of heavy"),
    Bad("claimed task", head("claims.mean_metric.other", 1.0), "claimed mean metric of other"),
    Bad("chosen instances", head("tasks.0.instances", [0, 1, 2]), "heavy is not one of suite"),
    Bad("doubled instances", head("tasks.0.instances", [0, 1, 1, 3]), "heavy must be distinct"),
    Bad("many instances", head("tasks.0.instances", list(range(10_001))), "instances.*10000"),
    Bad("easier task", head("tasks.0.kwargs", {"num_jobs": 1}), "heavy is not one of suite"),
    Bad("other scenario", head("tasks.0.scenario", "noisy"), "heavy is not one of suite"),
    Bad("other objective", head("tasks.0.objective", "energy"), "heavy is not one of suite"),
    Bad("train split", head("tasks.0.split", "train"), r"tasks\.0\.split"),
    Bad("module", head("tasks.0.env", "os:system-v0"), r"tasks\.0\.env"),
    Bad("wrapper", head("tasks.0.wrapper", "os:system"), "heavy is not one of suite"),
    Bad("label twice", head("tasks.1.label", "heavy"), "two tasks share a label"),
    Bad("old simulator", head("tasks.0.simulator_version", "fake-0"), "simulator version fake-0"),
    Bad("other files", head("tasks.0.content", "0" * 64), "made on instances 000"),
    Bad("unknown suite", head("suite", "other"), "for suite 'other', not 'fakes'"),
    Bad("suite by path", head("suite", "../../etc/passwd"), r"suite = '\.\./"),
    Bad("absolute suite", head("suite", "/etc/passwd"), "suite = '/etc/passwd'"),
    Bad("seeds left out", head("seeds", [0, 1]), "records are missing"),
    Bad("same seed", head("seeds", [0, 0]), "seeds must be distinct"),
    Bad("many seeds", head("seeds", list(range(1001))), "seeds.*1000"),
    Bad("large seed", head("seeds", [2**31]), r"seeds\.0"),
    Bad("seed of text", head("seeds", ["zero"]), r"seeds\.0"),
    Bad("no seeds", head("seeds", []), "seeds"),
    Bad("no tasks", head("tasks", []), "tasks"),
    Bad("other format", head("format", 2), "format"),
    Bad("markup", head("name", "<script>alert(1)</script>"), "name"),
    Bad("no date", head("date", "2026-02-31"), "not in the calendar"),
    Bad("kind", head("kind", "magic"), "kind"),
    Bad("unknown field", head("surprise", 1), "surprise"),
    Bad("long text", head("description", "x" * 2001), "description"),
    Bad("negative budget", head("training_steps", -1), "training_steps"),
    Bad("budget of a stranger", head("budgets", {"other": {"steps": 1}}), "budgets of other"),
    Bad(
        "negative steps",
        head("budgets", {"heavy": {"steps": -1}}),
        "budgets.heavy.steps",
    ),
    Bad("budget of text", head("budgets", {"heavy": {"steps": "few"}}), "budgets.heavy.steps"),
    Bad("trained heuristic", head("training_steps", 9), "a heuristic has no training_steps"),
    Bad("curve of a stranger", head("curves", {"other": []}), "curves of other"),
    Bad("multi-agent", head("multi_agent", True), "PettingZoo form"),
]

RECORDS = [
    Bad("metric", metric("mean_latency_us", 0.9), "instance 1: mean_latency_us"),
    Bad("last bit of a time", metric("mean_latency_us", 1 - 1e-15), "mean_latency_us"),
    Bad("energy", metric("energy_j", 0.999999), "instance 1: energy_j"),
    Bad("metric left out", field("metrics", {"mean_latency_us": 1.0}), "metrics are"),
    Bad("metric of text", field("metrics", {"mean_latency_us": "low"}), "metrics.mean_latency_us"),
    Bad("return", field("episode_return", 0.0), "episode_return"),
    Bad("evaluations", field("evaluations", 0), "evaluations = 0, replayed 1"),
    Bad("steps", field("steps", 11), "steps = 11, replayed 12"),
    Bad("other instance", field("instance_id", "test-3"), "'test-3', replayed 'test-1'"),
    Bad("foreign seed", field("seed", 5), "seed 5.*does not belong"),
    Bad("foreign task", field("task", "other"), "task other.*does not belong"),
    Bad("foreign instance", field("instance", 40), "instance 40.*does not belong"),
    Bad("negative instance", field("instance", -1), "instance = -1"),
    Bad("field", field("surprise", 1), "surprise"),
    Bad("two agents", field("agent", "other"), "records of several agents: biased, other"),
    Bad("twice", records(lambda found: found.append(found[0])), "two records of task heavy"),
    Bad("missing", records(lambda found: found.pop()), "1 records are missing"),
    Bad("whole task missing", records(lambda found: found.__delitem__(slice(4, 7))), "3 records"),
    Bad("copied", records(lambda f: f[1].update(f[0], instance=1, instance_id="test-1")), ": "),
    Bad("packed metric", both(metric("energy_j", 0.5), packed()), "instance 1: energy_j"),
    Bad("schedule of text", field("schedule", {"start_us": "soon"}), "schedule.start_us"),
    Bad("schedule shifted", column("start_us", shift), r"schedule start_us\[3\]"),
    Bad("schedule cut", column("start_us", lambda v: v.pop()), "start_us: 11 rows, replayed 12"),
    Bad("schedule column", records(lambda f: f[0]["schedule"].pop("start_us")), "schedule columns"),
    Bad("unknown action", field("actions", [7] * 12), "action 0 = 7 is refused"),
    Bad("huge action", field("actions", [2**63] * 12), "is refused"),
    Bad("action of text", field("actions", ["left"] * 12), "actions"),
    Bad("actions of fractions", field("actions", [0.5] * 12), "actions"),
    Bad("no actions", field("actions", []), "does not end after its 0 actions"),
    Bad("action more", moves(lambda a: a.append(0)), "ended after 12 of 13"),
    Bad("action less", moves(lambda a: a.pop()), "does not end after its 11 actions"),
    Bad("other action", moves(lambda a: a.__setitem__(4, 1 - a[4]), 2), "instance 2: "),
]
