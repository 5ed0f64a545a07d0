"""The contract: the three kinds, the settings of a project, and the workers' protocol."""
