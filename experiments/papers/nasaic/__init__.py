"""NASAIC (Yang et al., DAC 2020): accuracies of the search spaces, measured."""
