"""Readers of forms that are written no more, by form and number; `persistence/FORMATS.md` says how one comes here."""
