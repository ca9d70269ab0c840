"""Models and their versions in the database."""
