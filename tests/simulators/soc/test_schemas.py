"""The shipped JSON Schemas follow the descriptions and accept the shipped files."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from chipgym.simulators.soc import schemas

DATA = Path(schemas.__file__).parent / "data"


@pytest.mark.parametrize("kind", schemas.SCHEMAS)
def test_shipped_schema_is_current(kind: str):
    assert schemas.load_schema(kind) == schemas.generate_schema(kind)


@pytest.mark.parametrize("kind", schemas.SCHEMAS)
def test_shipped_files_satisfy_the_schema(kind: str):
    files = sorted((DATA / f"{kind}s").glob("*.json"))
    assert len(files) >= 4
    for file in files:
        jsonschema.validate(json.loads(file.read_text()), schemas.load_schema(kind))


def test_schema_refuses_unknown_fields():
    document = json.loads((DATA / "applications" / "toy.json").read_text()) | {"taks": []}
    with pytest.raises(jsonschema.ValidationError, match="taks"):
        jsonschema.validate(document, schemas.load_schema("application"))
