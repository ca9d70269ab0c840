"""What a value is, said once for SQL and for Python: its canonical text, moments, spans of time, exact numbers."""
