"""NASAIC: a recurrent controller that chooses networks and accelerators together.

Yang et al., "Co-exploration of neural architectures and heterogeneous ASIC accelerator designs
targeting multiple tasks", DAC 2020, arXiv 2002.04116.
"""
