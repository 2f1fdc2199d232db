"""Platforms, applications, workloads and options: round trips, schema, and errors that help."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from strategies import applications, platforms

from chipgym.simulators.core.errors import FileFormatError, InvalidValueError, UnknownNameError
from chipgym.simulators.soc.application import Application
from chipgym.simulators.soc.lowering import execution_times
from chipgym.simulators.soc.options import SocOptions, parse_governor
from chipgym.simulators.soc.platform import Platform
from chipgym.simulators.soc.workload import Workload

SHIPPED = [(Platform, name) for name in Platform.names()] + [
    (Application, name) for name in Application.names()
]

SCHEMAS = {
    kind: jsonschema.Draft202012Validator(kind.model_json_schema())
    for kind in (Platform, Application)
}


@pytest.mark.parametrize(("kind", "name"), SHIPPED, ids=[name for _, name in SHIPPED])
def test_shipped_files_round_trip_and_meet_the_schema(kind, name: str, tmp_path: Path):
    original = kind.named(name)
    path = tmp_path / "copy.json"
    original.save(path)
    loaded = kind.load(path)
    assert loaded == original
    assert loaded.content_hash == original.content_hash
    assert original.name == name
    assert original.source
    SCHEMAS[kind].validate(json.loads(path.read_text()))


def test_shipped_inventory():
    assert {"ds3-16pe", "big-little-8pe", "canonical-3pe"} <= set(Platform.names())
    sizes = {name: len(Application.named(name).tasks) for name in Application.names()}
    for name, tasks, edges in (
        ("wifi-tx", 27, 30),
        ("wifi-rx", 34, 37),
        ("range-detection", 7, 7),
        ("single-carrier-tx", 8, 7),
        ("single-carrier-rx", 8, 7),
        ("temporal-mitigation", 10, 12),
        ("canonical", 10, 15),
        ("pulse-doppler", 451, None),
    ):
        assert sizes[name] == tasks
        assert edges is None or len(Application.named(name).edges) == edges
    assert sum(name.startswith("canonical") for name in sizes) == 10


def runs(platform: str, application: str) -> bool:
    try:
        times = execution_times(Platform.named(platform), Application.named(application))
    except InvalidValueError:
        return False
    return bool(np.isfinite(times).any(axis=1).all())


@pytest.mark.parametrize("name", Application.names())
def test_every_shipped_application_runs_on_a_shipped_platform(name: str):
    assert any(runs(platform, name) for platform in Platform.names())


@settings(max_examples=50, deadline=None)
@given(platforms(), applications())
def test_random_descriptions_round_trip(platform: Platform, application: Application):
    for description in (platform, application):
        kind = type(description)
        again = kind.parse(json.loads(json.dumps(description.document())))
        assert again == description
        assert hash(again) == hash(description)
        assert pickle.loads(pickle.dumps(description)) == description
        SCHEMAS[kind].validate(description.document())


@settings(max_examples=50, deadline=None)
@given(applications())
def test_topological_order(application: Application):
    position = {task: k for k, task in enumerate(application.topological_order)}
    assert sorted(position) == list(range(len(application.tasks)))
    assert all(position[edge.src] < position[edge.dst] for edge in application.edges)


def application_document() -> dict:
    return {
        "name": "small",
        "tasks": [{"name": n, "kind": "w"} for n in ("one", "two", "three")],
        "edges": [{"src": 0, "dst": 1, "volume": 2.0}, {"src": 1, "dst": 2}],
    }


def platform_document() -> dict:
    return {
        "name": "small",
        "clusters": [
            {
                "name": "cpu",
                "num_pes": 2,
                "exec_us": {"w": 3.0},
                "operating_points": [
                    {"frequency_mhz": 500, "voltage_mv": 900},
                    {"frequency_mhz": 1000, "voltage_mv": 1000},
                ],
                "power_profiles": [{"frequency_mhz": 1000, "power_w": [0.5, 0.9]}],
            }
        ],
        "bandwidth": {"between_clusters": [[100]], "to_memory": [50], "from_memory": [50]},
    }


def edited(document: dict, path: str, value) -> dict:
    """A copy of a document with one entry replaced, given as ``a.0.b``."""
    result = copy.deepcopy(document)
    *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
    place = result
    for part in parents:
        place = place[part]
    place[last] = value
    return result


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("edges.1.dst", 0, r"cycle: (one -> two -> one|two -> one -> two)"),
        ("edges.1.dst", 9, r"edge \(1, 9\) of small names a task beyond 2"),
        ("edges.0.volume", -1.0, r"edges\.0\.volume = -1\.0 .*greater than or equal to 0"),
        ("edges.0.volume", "much", r"edges\.0\.volume = 'much'"),
        ("edges.0.volume", float("inf"), r"edges\.0\.volume = inf"),
        ("edges.1.src", 0, "repeat"),
        ("tasks.1.name", "one", "task names of small must differ"),
        ("tasks.0.kinds", "w", r"^tasks\.0\.kinds: no such field; allowed: exec_us, kind, name$"),
        ("tasks", [], "^tasks: .*at least 1 item"),
        ("title", "x", "^title: no such field; allowed: edges, name, source, tasks$"),
        ("tasks.0", {"name": "one"}, r"^tasks\.0\.kind: missing, but required$"),
    ],
)
def test_bad_applications_are_explained(path: str, value, text: str):
    document = edited(application_document(), path, value)
    if path == "edges.1.src":
        document["edges"][1] = {"src": 0, "dst": 1}
    with pytest.raises(InvalidValueError, match=text):
        Application.parse(document)


@pytest.mark.parametrize(
    ("path", "value", "text"),
    [
        ("clusters.0.num_pes", 0, r"clusters\.0\.num_pes = 0"),
        ("clusters.0.exec_us", {"w": -3.0}, r"exec_us\.w = -3\.0"),
        ("clusters.0.exec_us", {"w": float("nan")}, r"exec_us\.w = nan"),
        ("clusters.0.operating_points.0.frequency_mhz", 2000, "must rise"),
        ("clusters.0.power_profiles.0.power_w", [0.5], "one power_w per busy core"),
        ("clusters.0.power_profiles.0.frequency_mhz", 700, "name operating points"),
        ("clusters.0.power_profiles.0.frequency_mhz", 500, "cover its highest"),
        ("bandwidth.to_memory", [50, 50], r"bandwidth\.to_memory needs 1"),
        ("bandwidth.between_clusters", [[0.0]], "greater than 0"),
        ("clusters.0.cores", 3, r"^clusters\.0\.cores: no such field; allowed: exec_us, .*num_pes"),
    ],
)
def test_bad_platforms_are_explained(path: str, value, text: str):
    with pytest.raises(InvalidValueError, match=text):
        Platform.parse(edited(platform_document(), path, value))


def test_the_unedited_documents_are_valid():
    assert Application.parse(application_document()).topological_order == (0, 1, 2)
    platform = Platform.parse(platform_document())
    assert platform.num_pes == 2
    assert platform.pe_names == ("cpu.0", "cpu.1")


def test_edges_are_sorted():
    document = application_document()
    document["edges"].reverse()
    assert Application.parse(document) == Application.parse(application_document())


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "not JSON: line 1"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b"[]", "small.json"),
        (b'{"name": "x"}', "tasks"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, content: bytes, text: str):
    path = tmp_path / "small.json"
    path.write_bytes(content)
    with pytest.raises(FileFormatError, match=text):
        Application.load(path)


def test_missing_files_are_named(tmp_path: Path):
    with pytest.raises(FileFormatError, match=r"absent\.json"):
        Platform.load(tmp_path / "absent.json")
    with pytest.raises(FileFormatError, match="cannot be read"):
        Platform.load(tmp_path)


def test_unknown_names_get_a_suggestion():
    with pytest.raises(UnknownNameError, match="did you mean 'wifi-tx'"):
        Application.named("wifi-xt")
    with pytest.raises(UnknownNameError, match="did you mean 'ds3-16pe'"):
        Platform.named("ds3-16p")


def test_descriptions_are_immutable():
    with pytest.raises(ValueError, match="frozen"):
        Platform.named("ds3-16pe").name = "other"


def test_workloads_are_checked():
    for apps, gaps, text in (
        ([], [], "app_index"),
        ([0, 1], [1.0], "gap_us"),
        ([0, -1], [1.0, 1.0], "app_index = -1"),
        ([0, 0], [1.0, -1.0], r"gap_us\[1\] = -1\.0"),
        ([0], [float("nan")], r"gap_us\[0\] = nan"),
    ):
        with pytest.raises(InvalidValueError, match=text):
            Workload(np.array(apps, dtype=np.int64), np.array(gaps))
    with pytest.raises(InvalidValueError, match="key"):
        Workload(np.array([0]), np.array([0.0]), -1)


def test_workloads_from_arrivals():
    workload = Workload.from_arrivals([0, 1, 0], [0.0, 5.0, 5.0], key=3)
    assert workload.gap_us.tolist() == [5.0, 0.0, 0.0]
    with pytest.raises(InvalidValueError, match=r"arrival_us\[2\]"):
        Workload.from_arrivals([0, 0, 0], [0.0, 5.0, 4.0])
    with pytest.raises(InvalidValueError, match="start at 0"):
        Workload.from_arrivals([0], [1.0])


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("order", "dirty"),
        ("communication", "telepathy"),
        ("max_in_flight", 0),
        ("max_in_flight", 1.5),
        ("max_in_flight", True),
        ("horizon_us", 0.0),
        ("warmup_us", -1.0),
        ("noise_std", float("nan")),
        ("noise_std", 1.5),
        ("mtbf_us", 100.0),
        ("governor", "turbo"),
        ("governor", "constant-x"),
        ("throttle", True),
        ("dvfs_period_us", 0.0),
    ],
)
def test_options_are_checked(field: str, value):
    with pytest.raises(InvalidValueError):
        SocOptions(**{field: value})


def test_governors():
    assert parse_governor("constant-1000") == ("constant", 1000.0)
    assert parse_governor("ondemand") == ("ondemand", 0.0)
    with pytest.raises(UnknownNameError, match="did you mean 'performance'"):
        parse_governor("perfomance")


def test_a_changed_copy_has_a_hash_of_its_own():
    app = Application.named("toy")
    before = app.content_hash
    renamed = app.model_copy(update={"name": "other"})
    assert renamed.content_hash != before
    assert renamed.content_hash == Application.parse(renamed.document()).content_hash
    assert app.content_hash == before
