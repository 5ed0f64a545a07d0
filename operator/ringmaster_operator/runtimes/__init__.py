"""Where sessions run: one protocol, a room for each kind of place."""
