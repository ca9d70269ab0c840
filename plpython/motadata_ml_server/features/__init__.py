"""From typed columns to the numbers that an estimator sees."""
