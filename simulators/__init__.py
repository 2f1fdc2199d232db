"""Fast, validated hardware models: NumPy and Numba only, no Gymnasium and no PyTorch."""
