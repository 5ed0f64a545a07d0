"""What tests drive the product with: an operator process, sessions that speak the protocol, made beads."""
