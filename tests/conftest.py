"""Fixtures for all tests, and settings that must be made before the libraries are imported."""

import os
from pathlib import Path

# The test processes share the cores: one thread each, and no windows.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def repository() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """Folder of the reference results; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("CHIPGYM_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip("no reference results: set CHIPGYM_SHARED to their folder")
    return folder
