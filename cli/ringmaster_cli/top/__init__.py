"""`ringmaster top`: model, view and keys are pure; the screen, the feeds and the acts are apart from them."""
