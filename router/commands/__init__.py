"""Command groups of `router`, one file each."""
