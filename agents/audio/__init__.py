"""Recorded speech: taken apart safely, cut into parts, put together again, and told as minutes."""
