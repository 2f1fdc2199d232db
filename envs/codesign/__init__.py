"""Neural architectures together with heterogeneous ASIC accelerators."""
