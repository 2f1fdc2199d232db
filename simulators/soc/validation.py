"""Validation of the SoC simulator against reference results.

Any folder with the file names and columns of the reference results is accepted; files may be
missing. The reference simulators are DS3 (event order ``ds3``), SoCRATES (``ds3gym``) and an
independent model of the clean order and of the static schedulers.
"""

from __future__ import annotations

import os

from chipgym.simulators.core.comparison import ValidationReport
from chipgym.simulators.core.errors import FileFormatError
from chipgym.simulators.soc.validation_cases import Folder
from chipgym.simulators.soc.validation_clean import check_clean
from chipgym.simulators.soc.validation_ds3 import Runs, check_ds3
from chipgym.simulators.soc.validation_socrates import check_socrates

__all__ = ["validate_soc"]


def validate_soc(reference: str | os.PathLike[str]) -> ValidationReport:
    """Simulate every case of a folder of reference results and compare column by column.

    Parameters
    ----------
    reference : path
        Folder with files such as ``single_job_traces.csv``.

    Returns
    -------
    ValidationReport
        Tolerances: schedules, times and counts equal; energies and fractional times 1e-9 relative;
        values that the files round, one unit of their last digit; noise 3 standard errors of the
        mean over seeds; random choices 10 % of the mean latency.

    Raises
    ------
    FileFormatError
        The folder has none of the files, or a file breaks its format.
    """
    folder = Folder(reference)
    runs = Runs(folder)
    files = [*check_ds3(folder, runs), *check_clean(folder, runs), *check_socrates(folder)]
    if not files:
        raise FileFormatError(reference, "has none of the reference files of the SoC family")
    return ValidationReport("soc", tuple(files))
