"""`/realtime/ws`: messages, speech and its signalling over one WebSocket (2.6)."""
