"""PostgreSQL's inside: the seam, the error boundary, the owner's rights, the backend's variables."""
