"""Fetching data: resumable, checked, from anywhere."""

import hashlib
import http.server
import json
import random
import threading

import pytest

from chipgym.experiments import datasets
from chipgym.experiments.cli.main import main
from chipgym.experiments.datasets import Dataset, FetchError, fetch, states
from chipgym.simulators.core.errors import FileFormatError, UnknownNameError
from chipgym.simulators.logic.epfl import EPFL_FILES, EpflFile

CONTENT = {f"some/{name}.aig": random.Random(name).randbytes(70_000) for name in "abc"}


@pytest.fixture
def dataset(tmp_path, monkeypatch):
    files = tuple(
        EpflFile(path, len(data), 1, 1, 1, hashlib.sha256(data).hexdigest())
        for path, data in CONTENT.items()
    )
    made = Dataset(
        "small", "Three files", "MIT", "http://nowhere", lambda: tmp_path / "kept", files
    )
    monkeypatch.setitem(datasets.DATASETS, "small", made)
    return made


class Handler(http.server.BaseHTTPRequestHandler):
    """A server with or without ranges; it may hang up in the middle of a file."""

    ranges = True
    cut_at = None
    asked: list

    def do_GET(self):  # the name that http.server calls
        start = 0
        wanted = self.headers.get("Range")
        type(self).asked.append((self.path, wanted))
        data = CONTENT[self.path.removeprefix("/")]
        if wanted and self.ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        end = len(data) if self.cut_at is None else self.cut_at
        self.wfile.write(data[start:end])

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def server():
    class Fresh(Handler):
        asked = []

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Fresh)
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}", Fresh
    running.shutdown()
    thread.join()
    running.server_close()


def test_fetched_files_are_left_alone_and_missing_or_damaged_ones_come_again(dataset, server):
    address, handler = server
    assert {what for _, what in fetch(dataset, address)} == {"fetched"}
    assert set(states(dataset).values()) == {"ok"}
    folder = dataset.folder()
    (folder / "some/a.aig").unlink()
    (folder / "some/b.aig").write_bytes(b"damage")
    handler.asked.clear()
    done = dict(fetch(dataset, address))
    assert done == {"some/a.aig": "fetched", "some/b.aig": "fetched", "some/c.aig": "is there"}
    assert [path for path, _ in handler.asked] == ["/some/a.aig", "/some/b.aig"]
    assert sorted(path.name for path in folder.rglob("*.*")) == ["a.aig", "b.aig", "c.aig"]


@pytest.mark.parametrize("ranges", [True, False])
def test_an_interrupted_file_goes_on(dataset, server, ranges):
    address, handler = server
    handler.cut_at, handler.ranges = 40_000, ranges
    # The first call finds the file cut off; what came is checked, and kept or thrown away.
    for _ in range(2):
        with pytest.raises((FetchError, FileFormatError)):
            list(fetch(dataset, address))
        handler.cut_at = 40_000
    part = dataset.folder() / "some/.a.aig.fetching"
    part.write_bytes(CONTENT["some/a.aig"][:30_000])
    handler.cut_at = None
    handler.asked.clear()
    list(fetch(dataset, address))
    assert handler.asked[0] == ("/some/a.aig", "bytes=30000-")
    assert set(states(dataset).values()) == {"ok"}


def test_a_wrong_file_is_not_kept(dataset, server, monkeypatch):
    address, _ = server
    monkeypatch.setitem(CONTENT, "some/a.aig", b"x" * 70_000)
    with pytest.raises(FileFormatError, match=r"a\.aig"):
        list(fetch(dataset, address))
    assert not [path for path in dataset.folder().rglob("*") if path.is_file()]


def test_from_a_folder_with_or_without_subfolders(dataset, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    for path, data in CONTENT.items():
        (flat / path.rpartition("/")[2]).write_bytes(data)
    list(fetch(dataset, source=flat))
    assert set(states(dataset).values()) == {"ok"}
    (flat / "a.aig").unlink()
    (dataset.folder() / "some/a.aig").unlink()
    with pytest.raises(FetchError, match=r"lacks some/a\.aig"):
        list(fetch(dataset, source=flat))


def test_without_a_network_the_error_says_what_to_do(dataset):
    with pytest.raises(FetchError, match="--mirror URL or --from DIR"):
        list(fetch(dataset, "http://127.0.0.1:9"))


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["data", *arguments])
    return ended.value.code, capsys.readouterr()


def test_command_line(dataset, server, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("CHIPGYM_DATA", str(tmp_path / "data"))
    status, said = run(capsys, "list", "--json")
    assert status == 0
    found = {row["name"]: row for row in json.loads(said.out)["datasets"]}
    assert (found["epfl"]["files"], found["epfl"]["fetched"]) == (len(EPFL_FILES), 0)
    status, said = run(capsys, "verify", "small", "--json")
    assert status == 1
    assert json.loads(said.out)["passed"] is False
    status, said = run(capsys, "fetch", "small", "--mirror", server[0], "--json")
    assert status == 0
    assert set(json.loads(said.out)["files"].values()) == {"fetched"}
    assert run(capsys, "verify", "small")[0] == 0
    status, said = run(capsys, "fetch", "smal")
    assert status != 0
    assert "did you mean 'small'" in said.err


def test_unknown_data_sets_are_named():
    with pytest.raises(UnknownNameError, match="epfl"):
        datasets.dataset_named("mcnc")
