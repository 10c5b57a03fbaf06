"""The prompt tools: a task becomes a prompt, a prompt a better one, and one with its values taken out."""
