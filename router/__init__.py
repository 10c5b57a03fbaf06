"""What a person or a program meets: HTTP, command line and the composition root."""
