"""Constants of the protocol.

Generated from spec/protocol.toml by `cargo run -p event-engine-spec-tool -- generate`; do not edit.
"""

from typing import Final

#: Version of the specification that these constants come from.
VERSION: Final = "0.3.0"

#: Begins every body that is reserved for commands: 16 bytes, the last one a space.
COMMAND_PREFIX: Final = b"plugin_command: "

#: Request for the next matching event.
NEXT_MSG: Final = b"plugin_command: next_msg"

#: Says that this client has finished. It is never answered.
QUIT: Final = b"plugin_command: quit"

#: Begins every reply that is not an event: 14 bytes, the last one a space.
REPLY_PREFIX: Final = b"event-engine: "

#: Reply to a publish whose event was accepted.
MSG_PUBLISHED: Final = b"event-engine: msg published"

#: Reply to a request that was refused; nothing was published.
BAD_MSG: Final = b"event-engine: bad msg"
