"""Side-by-side measurements of the project and of what one would write without it."""
