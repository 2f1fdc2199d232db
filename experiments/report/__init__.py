"""The report of a run, and of several side by side: one HTML file that needs nothing else."""

from chipgym.experiments.report.comparison_page import write_comparison
from chipgym.experiments.report.page import write_report

__all__ = ["write_comparison", "write_report"]
