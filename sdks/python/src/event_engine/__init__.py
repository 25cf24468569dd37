"""Write plugins of an event-engine application in Python.

.. code-block:: python

    import event_engine

    with event_engine.connect("tcp://127.0.0.1:6000") as client:
        for event in client:
            client.publish(b"seen: " + event)

:func:`connect` returns a :class:`Client`; :mod:`event_engine.aio` has the same for asyncio, and
:mod:`event_engine.envelope` an optional format for typed metadata. Nothing is printed or logged.

Errors that the language already has are used as they are: :class:`TypeError` and
:class:`ValueError` for arguments that cannot be meant, raised before anything is sent. All others:

.. code-block:: text

    EventEngineError          .unsettled: ids of publishes whose outcome is not known
    ├── Timeout               nothing is lost, call again; also a TimeoutError
    ├── Closed                the client was closed, the application stops, or the session is lost
    ├── Rejected              .code: the engine, or a known limit, refused
    ├── Protocol              the peer broke the protocol
    └── Transport             cannot be reached, or outcome unknown; also a ConnectionError
"""

from ._client import Client, connect
from ._constants import VERSION as __version__
from ._errors import Closed, EventEngineError, Protocol, Rejected, Timeout, Transport
from ._event import Event

for _name in (Client, Event, EventEngineError, Timeout, Closed, Rejected, Protocol, Transport):
    _name.__module__ = __name__  # where users find it, in tracebacks and in documentation
connect.__module__ = __name__
del _name

__all__ = [
    "Client",
    "Closed",
    "Event",
    "EventEngineError",
    "Protocol",
    "Rejected",
    "Timeout",
    "Transport",
    "__version__",
    "connect",
]
