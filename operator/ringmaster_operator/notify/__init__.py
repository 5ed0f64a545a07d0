"""Notifications: what happened, who wants to know, when they may be told, and the sending.

Facts are read from what is (objects, budgets, faults), each under a key of its own; an outbox in the history
keeps who is to be told which. So nothing is lost with the operator, and nobody is told twice.
"""
