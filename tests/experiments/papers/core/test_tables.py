"""Tables in three forms."""

from pathlib import Path

from chipgym.experiments.papers.core.tables import Table, interval_text

TABLE = Table.of("Costs", [{"name": "a|b", "value": 1234.5678}, {"name": "c_d", "value": 2}])


def test_markdown() -> None:
    lines = TABLE.markdown().splitlines()
    assert lines[0] == "**Costs**"
    assert lines[2:] == ["| name | value |", "| --- | ---: |", r"| a\|b | 1235 |", "| c_d | 2 |"]


def test_csv() -> None:
    assert TABLE.csv() == "name,value\na|b,1235\nc_d,2\n"


def test_latex() -> None:
    text = TABLE.latex()
    assert r"c\_d & 2 \\" in text
    assert text.startswith(r"\begin{tabular}{lr}")


def test_write(tmp_path: Path) -> None:
    TABLE.write(tmp_path, "costs")
    assert {path.name for path in tmp_path.iterdir()} == {"costs.md", "costs.csv", "costs.tex"}


def test_interval_text() -> None:
    assert interval_text(1, 0.5, 1.5, digits=1) == "1.0 [0.5, 1.5]"
