"""Budgets in euros and grams: what they are, their windows, what is spent and held of them."""
