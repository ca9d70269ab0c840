"""What the images install: pinned, listed, licensed, audited."""
