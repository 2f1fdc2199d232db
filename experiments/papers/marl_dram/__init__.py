"""Several agents against one on the knobs of a memory controller."""
