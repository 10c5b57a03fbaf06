"""From an uploaded file to passages: formats by content, parsers in a process that hostile files cannot hurt."""
