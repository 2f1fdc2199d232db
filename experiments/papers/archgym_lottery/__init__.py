"""The hyperparameter lottery of search algorithms on memory controllers."""
