"""Everything that answers a prompt with a stream of events."""
