"""Pipelines and the providers that answer them."""
