"""The web dashboard: static pages that use the API that everybody has. They keep no state in the operator."""
