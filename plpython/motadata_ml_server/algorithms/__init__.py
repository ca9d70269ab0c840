"""Which estimators there are, what they take, and which one a call means."""
