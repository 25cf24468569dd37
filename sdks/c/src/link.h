/* A connection that is made again when it breaks. One socket is one connection: libzmq does not reconnect by itself, so
 * that the caller learns of each new connection, and nothing is sent on it before the caller says what. */
#ifndef EE_LINK_H
#define EE_LINK_H

#include <zmq.h>

#include "endpoint.h"
#include "failure.h"

typedef enum ee_link_state {
  EE_LINK_WAITING,   /* for the time of the next try */
  EE_LINK_RESOLVING, /* the name */
  EE_LINK_OPENING,
  EE_LINK_UP
} ee_link_state;

typedef enum ee_news {
  EE_NO_NEWS,
  EE_CAME_UP,
  EE_LAST_CALL, /* the connection has ended: what came on it can be received now, and the next step lets go of it */
  EE_WENT_DOWN,
  EE_TRY_FAILED,
  EE_NEWS_NO_MEMORY /* the next try comes later */
} ee_news;

typedef struct ee_link {
  void *context;
  ee_endpoint endpoint;
  int heartbeat_ms;

  ee_link_state state;
  int64_t until;    /* WAITING: time of the next try; OPENING: time when it has failed */
  int64_t pause_ms; /* between tries, before jitter */
  uint32_t random;
  ee_lookup *lookup;
  ee_addresses addresses;
  size_t next_address; /* to try */
  void *socket, *monitor;
  unsigned sockets; /* opened so far */
  bool lost;        /* the socket takes nothing any more */
} ee_link;

/* A link that will be opened by ee_link_step. `random` seeds the jitter. */
void ee_link_init(ee_link *link, void *context, const ee_endpoint *endpoint, int heartbeat_ms, uint32_t random);

/* Uses these addresses first, beginning with `first`, instead of resolving the name. */
void ee_link_seed(ee_link *link, const ee_addresses *addresses, size_t first);

/* Makes progress without waiting, and tells what happened. */
ee_news ee_link_step(ee_link *link);

/* Number of poll items that ee_link_poll writes at most. */
#define EE_LINK_ITEMS 2

/* What to wait for until something can happen; gives the number of items and lowers the deadline as needed. */
int ee_link_poll(const ee_link *link, zmq_pollitem_t *items, int64_t *deadline);

/* Sends a frame, taking it over in any case. What cannot be sent is dropped: the link is then about to go down. */
void ee_link_send(ee_link *link, zmq_msg_t *frame, bool more);
void ee_link_send_bytes(ee_link *link, const void *bytes, size_t size, bool more);

/* Receives a whole message of at most `capacity` frames into initialised messages; further frames are dropped but
 * counted. Gives the number of frames, or 0 when there is no message now. */
size_t ee_link_receive(ee_link *link, zmq_msg_t *frames, size_t capacity);

/* Closes the socket, giving what is unsent so much time. The next step begins a new connection. */
void ee_link_close(ee_link *link, int linger_ms);

/* The same at once. */
void ee_link_drop(ee_link *link);

#endif
