"""Functions that the tests' tasks call, in other processes too."""


def power(base: int) -> int:
    """Return the square."""
    return base * base


def fail() -> None:
    """Fail."""
    raise ZeroDivisionError("on purpose")
