"""The embedded models: weights fetched as data, a child process that serves them, its supervisor."""
