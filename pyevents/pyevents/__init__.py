"""Write event-engine plugins in Python: see :mod:`pyevents.events`."""
