"""DRAM tuning environments: settings of a memory controller for a workload."""
