"""Work on what strangers send, in a process that it can neither hurt nor leave: no network, no files, bounded."""
