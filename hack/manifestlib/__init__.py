"""What kustomize/ renders to: kept as golden files, checked against schemas and by a linter."""
