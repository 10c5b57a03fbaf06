"""Keys: made, looked up, scoped, rotated and ended; the service accounts that own them."""
