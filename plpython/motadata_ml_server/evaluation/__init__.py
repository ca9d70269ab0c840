"""How good a stored model is on other rows, and how far those rows are from the ones it learned."""
