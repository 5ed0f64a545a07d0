"""`hack/soak`: a fleet at work for minutes or hours while a seeded plan breaks what it stands on."""
