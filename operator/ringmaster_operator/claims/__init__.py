"""Who works on what: grants, leases, reports. The rules are in board/, this keeps them true."""
