"""Planning: an agent proposes beads as data; people see what would change before anything is created."""
