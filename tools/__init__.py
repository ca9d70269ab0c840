"""What builds, checks and releases the project: nothing here is installed with it."""
