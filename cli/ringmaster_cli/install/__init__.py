"""Installing: what is there, what is missing, and putting Ringmaster into a cluster or onto a host."""
