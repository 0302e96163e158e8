"""One photograph of all databases and the event log at the same instant, taken while people work.

Three databases copied one after the other are worth little: a consumer copied later than its producer has
applied events that the restored producer never heard of, gives their numbers out again, and drops the new
ones as old. So the photograph holds every outbox still for some milliseconds. While nothing can be
published, first the log and then the databases are pinned (see `photograph`), everybody goes on, and the
copying is done from what was pinned.

What is restored is therefore what a power cut of the whole machine at that instant would have left, and the
product heals that by itself: unsent events are sent, repeated ones dropped by inbox and gate.
"""
