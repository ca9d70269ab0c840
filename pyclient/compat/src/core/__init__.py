"""The documented import paths, by re-export."""
