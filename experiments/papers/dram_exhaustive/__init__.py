"""ArchGym's DRAM design space, enumerated."""
