"""Conversations by voice and text over one connection: what is heard, answered and spoken."""
