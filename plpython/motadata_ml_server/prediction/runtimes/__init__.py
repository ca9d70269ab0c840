"""What evaluates a stored model, by its stored form."""
