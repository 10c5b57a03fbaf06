"""Prompts that teams keep here: versioned, promoted like releases, and run by name."""
