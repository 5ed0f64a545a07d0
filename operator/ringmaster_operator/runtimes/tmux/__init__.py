"""Sessions in tmux on this machine."""
