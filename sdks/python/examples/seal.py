"""Seal a reading, and open it again as a subscriber of ``reading: `` would."""

from event_engine import envelope

reading = envelope.Envelope(
    "1",
    "/sensors/7",
    "org.example.reading",
    b"21.5",
    datacontenttype="text/plain",
    subject="room/1",
)
event = envelope.seal(b"reading: ", reading)  # publish this

received = envelope.open(b"reading: ", event)  # after next_event
print(f"{received.type} {received.id} from {received.source}: {received.data.decode()}")

try:
    envelope.open(b"alarm: ", event)
except envelope.FilterMismatch as error:
    print(f"not an alarm: {error}")
