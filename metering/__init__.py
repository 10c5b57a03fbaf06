"""What a request consumed: tokens, euros, energy, grams, water, and the book that keeps them."""
