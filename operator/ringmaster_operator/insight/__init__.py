"""What a board says, to people: the order and its reasons, what would change it, and what is wrong with it.

Read with the asking person's own rights, and computed in their own process by the operator's own pure board.
"""
