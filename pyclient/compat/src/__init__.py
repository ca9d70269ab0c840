"""The documented import paths, by re-export; opt in by putting ``pyclient/compat`` on the import path."""
