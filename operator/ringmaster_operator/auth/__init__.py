"""Who people are and what they may do, and how that is proved.

Serves nothing itself. Of secrets only hashes are kept; every change is a line of the audit log, written in
the same transaction.
"""
