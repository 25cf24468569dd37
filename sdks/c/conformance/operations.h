/* The operations that commands of the adapter protocol (conformance/adapter.md) name. */
#ifndef CONFORMANCE_OPERATIONS_H
#define CONFORMANCE_OPERATIONS_H

#include <event_engine.h>
#include <jansson.h>

/* Carries out a request and returns its answer, without the id. */
typedef json_t *(*operation)(const json_t *request, ee_client **client);

/* One operation by its name. */
typedef struct named_operation {
  const char *name;
  operation run;
  bool calls; /* it calls the client, which must be there, and whose wait may be interrupted */
} named_operation;

/* The operations; the last one has no name. `client` is NULL before connect and after close. */
extern const named_operation client_operations[];
extern const named_operation load_operations[];
extern const named_operation envelope_operations[];

/* Answers. `fields` is taken over; an empty `code` is absent. */
json_t *succeeded(json_t *fields);
json_t *failed(const char *kind, const char *code, const char *text);

/* How the last call of the client failed. */
json_t *call_failed(ee_status status, const ee_client *client);

/* The request's time-out, EE_NO_TIMEOUT if it has none. */
int timeout_of(const json_t *request);

/* Whether the harness has cancelled the command that is being worked on. */
bool is_cancelled(void);

#endif
