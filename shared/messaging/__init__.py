"""Messaging that neither loses nor doubles: outbox, relay, guard, worker.

Out: a unit of work writes state and outbox rows in one transaction (`unit_of_work`), the relay sends
them (`relay`). In: a Faust worker (`worker`) hands raw records to the guard (`guard`), which decides,
applies and remembers in one transaction. `tables` holds what both need to remember.
"""
