"""The documents of projects: taken in, cut into passages, searched."""
