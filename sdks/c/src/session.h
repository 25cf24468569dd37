/* The client's side of a session, without I/O and without a clock. */
#ifndef EE_SESSION_H
#define EE_SESSION_H

#include "failure.h"
#include "incoming.h"
#include "message.h"
#include "outgoing.h"

#define EE_SESSION_ID_SIZE 32
#define EE_CLIENT_NAME_MAX 64

typedef enum ee_session_state {
  EE_CONNECTING, /* there is no connection */
  EE_GREETING,   /* hello is sent */
  EE_SYNCING,    /* welcome came; the application has not started, or not yet said so on this connection */
  EE_RUNNING,
  EE_STOPPING, /* the application is ending */
  EE_QUITTING, /* quit was called, whatever the connection does */
  EE_ENDED
} ee_session_state;

/* Sends a message of one or two frames, taking over the payload in any case. A message that gets lost because the
 * connection breaks is made good by the next connection. */
typedef void ee_send(void *context, const char *header, size_t size, zmq_msg_t *payload);

typedef struct ee_session {
  char id[EE_SESSION_ID_SIZE + 1];
  char client_name[EE_CLIENT_NAME_MAX + 1];
  uint64_t window; /* events that may be received and not handled */
  ee_send *send;
  void *send_context;

  ee_session_state connection; /* CONNECTING to RUNNING, or ENDED */
  bool welcomed;               /* on any connection */
  bool stopped;                /* `stop` came */
  bool quitting;               /* ee_session_quit was called */
  bool quit_said;              /* on this connection */
  bool quit_sent;              /* on any connection */
  ee_failure failure;          /* why it has ended; its status is EE_OK after a quit */
  char stop_reason[128];

  uint64_t max_event_bytes, grace_ms;
  ee_outgoing outgoing;

  ee_incoming *first, *last; /* received and not yet returned */
  uint64_t received;         /* last event received */
  uint64_t returned;         /* last event returned by ee_session_next */
  uint64_t handled;          /* last event that the caller has finished with */
  uint64_t acked;            /* last event acknowledged on the wire */
  uint64_t upto;             /* last event that the engine may send */
  size_t handled_bytes;      /* of the events handled and not acknowledged */
  size_t returned_size;      /* of the event returned last */
  bool returned_redelivered;
} ee_session;

void ee_session_init(ee_session *session, const char *id, const char *client_name, uint64_t window, ee_send *send,
                     void *send_context);
void ee_session_free(ee_session *session);

/* A connection is there, and nothing was sent on it. */
void ee_session_connected(ee_session *session);

/* The connection is gone. */
void ee_session_disconnected(ee_session *session);

/* A message came. Its frames stay the caller's, emptied where the payload was kept. False: no memory for it; drop the
 * connection, and the engine will send it again. */
bool ee_session_received(ee_session *session, zmq_msg_t *frames, size_t count);

/* What the session is doing. */
ee_session_state ee_session_state_of(const ee_session *session);

/* Whether events may be published. Fails with EE_CLOSED or EE_REJECTED (an event is too large). */
ee_status ee_session_check(const ee_session *session, const ee_bytes *events, size_t count, ee_failure *failure);

/* Checks and queues events and sends what the window allows. Fails with EE_CLOSED, EE_REJECTED (an event is too large)
 * or EE_NO_MEMORY; nothing was done then. */
ee_status ee_session_publish(ee_session *session, const ee_bytes *events, size_t count, ee_failure *failure);

/* Acknowledges what was returned before, and takes the next event; NULL if there is none now. EE_CLOSED when there will
 * be none any more. */
ee_status ee_session_next(ee_session *session, ee_event **event, ee_failure *failure);

/* Sends quit as soon as all publishes are sent. EE_CLOSED if the session has ended otherwise. */
ee_status ee_session_quit(ee_session *session, ee_failure *failure);

void ee_session_close(ee_session *session);

/* Sends again what a want of memory kept back. False: no memory; drop the connection. */
bool ee_session_flush(ee_session *session);

/* Ends the session for a reason that only the caller can see. */
void ee_session_fail(ee_session *session, ee_status status, const char *text);

static inline uint64_t ee_session_settled(const ee_session *session) { return session->outgoing.settled.id; }
static inline uint64_t ee_session_last_id(const ee_session *session) { return session->outgoing.last_id; }

#endif
