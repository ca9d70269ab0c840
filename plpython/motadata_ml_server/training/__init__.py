"""The backend's side of a training: what is asked for, the rows to learn from, the worker's supervision."""
