"""What a release hands out: packages for pip, and a bundle that installs without a network."""
