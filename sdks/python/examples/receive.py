"""Print every event until the application stops. The engine's port is in EVENT_ENGINE_ENDPOINT."""

import event_engine

with event_engine.connect() as client:
    for event in client:
        mark = " (again)" if event.redelivered else ""
        print(f"{event.sequence}: {event.decode(errors='replace')}{mark}", flush=True)
