"""The commands of `router`, one file a group."""
