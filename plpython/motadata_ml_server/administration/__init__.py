"""Options, the doctor, versions, the environment."""
