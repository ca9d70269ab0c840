"""Stored models: what is written, and what is checked before anything is read back."""
