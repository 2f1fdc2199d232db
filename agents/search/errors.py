"""What can end a search early."""

from __future__ import annotations

from typing import Any

from chipgym.simulators.core.errors import ChipGymError

__all__ = ["MissingLibraryError", "NoAllowedDesignError", "SearchExhaustedError"]


class SearchExhaustedError(ChipGymError):
    """Every design of the space has been proposed."""

    def __init__(self, searcher: str, proposed: int) -> None:
        self.searcher = searcher
        self.proposed = proposed
        super().__init__(f"{searcher} has proposed all {proposed} designs of the space")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.searcher, self.proposed)


class NoAllowedDesignError(ChipGymError):
    """No design that the constraint allows was found in a bounded number of tries."""

    def __init__(self, searcher: str, tries: int) -> None:
        self.searcher = searcher
        self.tries = tries
        super().__init__(f"{searcher} found no design that the constraint allows in {tries} tries")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.searcher, self.tries)


class MissingLibraryError(ChipGymError):
    """An optional library of a searcher is not installed."""

    def __init__(self, searcher: str, library: str) -> None:
        self.searcher = searcher
        self.library = library
        super().__init__(f"{searcher} needs {library}: pip install 'chipgym[search]'")

    def __reduce__(self) -> tuple[type, tuple[Any, ...]]:
        return type(self), (self.searcher, self.library)
