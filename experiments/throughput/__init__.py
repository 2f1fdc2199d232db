"""How fast simulators, environments and training are, measured: `chipgym throughput`."""
