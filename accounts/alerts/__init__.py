"""Mails about budgets: when one is due, and how it gets to its readers."""
