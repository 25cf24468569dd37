/* What kind of engine listens at an address: its ZMTP handshake names its socket. */
#ifndef EE_PROBE_H
#define EE_PROBE_H

#include "endpoint.h"
#include "failure.h"

typedef enum ee_peer {
  EE_PEER_ROUTER,      /* an engine with the session profile */
  EE_PEER_REP,         /* the ancestor: basic only */
  EE_PEER_FOREIGN,     /* something else */
  EE_PEER_REFUSED,     /* nobody listens there */
  EE_PEER_SILENT,      /* somebody accepts connections and then closes them or says nothing, as proxies do */
  EE_PEER_UNREACHABLE, /* no way to that host now */
  EE_PEER_NO_MEMORY
} ee_peer;

/* Connects, reads the handshake until `deadline`, and closes; no message is sent. `text` receives what is the matter,
 * unless it is one of the engines. */
ee_peer ee_probe(const ee_address *address, int64_t deadline, char text[EE_TEXT_SIZE]);

#endif
