"""The commands: arguments in, a step of the loop, words and an exit code out."""
