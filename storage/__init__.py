"""Mechanism of keeping: engines, migrations and the group-commit writer, without any domain."""
