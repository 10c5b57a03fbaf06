"""The migrations, one a file, never edited once released."""
