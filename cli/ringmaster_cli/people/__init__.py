"""What people do with Workers from a terminal: thin over the custom resources, so kubectl can do it too."""
