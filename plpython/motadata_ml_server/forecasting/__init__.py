"""Forecasts of many series at once, in NumPy alone: clocks, seasons, models, rolling origins, intervals."""
