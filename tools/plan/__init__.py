"""The plan of a Python package: its rooms, the floors they stand on, and the arrows between them.

A room is a folder of modules, or a module that lies beside those folders. An arrow runs from a room to a room that it
imports from. ``python -m tools.plan`` prints the plan of a package, and with ``--against`` or ``--revision`` how it
differs from an earlier one.
"""
