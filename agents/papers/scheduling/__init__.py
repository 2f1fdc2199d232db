"""What the learned schedulers of the literature share: episodes, credit, training, saving."""
