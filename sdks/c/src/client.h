/* What a client consists of. */
#ifndef EE_CLIENT_H
#define EE_CLIENT_H

#include <stdatomic.h>

#include "basic.h"
#include "descriptor.h"
#include "link.h"
#include "probe.h"
#include "session.h"

#define EE_ENDPOINT_SIZE (EE_HOST_MAX + 16)

struct ee_client {
  atomic_bool busy;        /* a thread is in a call */
  atomic_bool interrupted; /* ee_interrupt was called, and no call has noticed yet */
  atomic_bool stopping;    /* what ee_stopping says: the application is ending, or the client is at its end */
  int wake[2];             /* a pipe that ends the wait of a call; -1 if there is none */
  void *context;           /* of libzmq; NULL once the client is closed */
  ee_failure failure;      /* of the last call that failed */

  ee_endpoint endpoint;
  char endpoint_text[EE_ENDPOINT_SIZE];
  int timeout_ms, heartbeat_ms, receive_window;
  ee_profile profile;
  char client_name[EE_CLIENT_NAME_MAX + 1];
  uint32_t random;

  ee_peer peer;          /* what listens at the endpoint */
  ee_status open_status; /* of ee_connect */
  bool quit;             /* quit was said, and confirmed where that is possible */
  ee_link link;          /* the session's, or basic's for events */
  int64_t broken_since;  /* when the connection was seen to be gone; 0 while there is one that works */
  ee_session session;
  bool end_reported; /* the reason for which the session ended was returned by a call */
  ee_basic basic;
  bool has_kept; /* basic: an event that there was no memory for, */
  zmq_msg_t kept;
};

/* Waits until something happens on a link, or until `wake_at`. EE_TIMEOUT: the deadline has passed, or the client was
 * interrupted. */
ee_status ee_wait(ee_client *client, ee_link *const *links, size_t count, int64_t wake_at, int64_t deadline);

/* Random bytes that nobody can guess; false if there are none. */
bool ee_random(void *bytes, size_t size);

/* Whether the engine's address refuses connections: the port is closed. */
bool ee_is_refused(const ee_link *link);

/* Closes the links and everything of libzmq's, giving what is unsent so much time. */
void ee_disconnect(ee_client *client, int linger_ms);

/* The calls in the session profile. */
ee_status ee_session_client_open(ee_client *client, int64_t deadline);
ee_status ee_session_client_next(ee_client *client, int timeout_ms, ee_event **event);
ee_status ee_session_client_publish(ee_client *client, const ee_bytes *events, size_t count, int64_t deadline,
                                    uint64_t *last_id);
ee_status ee_session_client_quit(ee_client *client, int64_t deadline);

/* Takes in what has come, without waiting and without a word about what went wrong: that is for the next call. */
void ee_session_client_look(ee_client *client);

/* The same in the basic profile. */
ee_status ee_basic_client_open(ee_client *client, int64_t deadline);
ee_status ee_basic_client_next(ee_client *client, int64_t deadline, ee_event **event);
ee_status ee_basic_client_publish(ee_client *client, const ee_bytes *events, size_t count, int64_t deadline,
                                  uint64_t *last_id);
ee_status ee_basic_client_quit(ee_client *client, int64_t deadline);

#endif
