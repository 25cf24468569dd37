"""The old name of pyevents.events, for plugins that say ``from events import …``."""

import sys

from pyevents import events

sys.modules[__name__] = events
