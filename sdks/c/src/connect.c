/* Connecting: where the engine is, what kind it is, and the first connection. */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "client.h"
#include "probe.h"

/* How long one address may take to show what it is. */
#define PROBE_MS 5000

bool ee_random(void *bytes, size_t size) { return getentropy(bytes, size) == 0; }

/* ---- options ------------------------------------------------------------------------------------------------ */

static bool printable(const char *text) {
  for (; *text; text++) {
    if ((unsigned char)*text < 0x20 || *text == 0x7f) return false;
  }
  return true;
}

static ee_status take_options(ee_client *client, const ee_options *options) {
  static const ee_options defaults = EE_OPTIONS_INIT;
  if (!options) options = &defaults;
  if (options->size < sizeof *options) {
    return ee_fail(&client->failure, EE_INVALID, "the options do not begin with EE_OPTIONS_INIT");
  }
  const char *name = options->client_name ? options->client_name : "c/" EE_VERSION;
  bool profile = options->profile == EE_PROFILE_AUTO || options->profile == EE_PROFILE_SESSION ||
                 options->profile == EE_PROFILE_BASIC;
  if (options->timeout_ms < EE_NO_TIMEOUT || options->heartbeat_ms < 0 || !profile) {
    return ee_fail(&client->failure, EE_INVALID, "a time-out, heartbeat or profile in the options makes no sense");
  }
  if (options->receive_window < 0 || options->receive_window > EE_RECEIVE_WINDOW_MAX) {
    return ee_fail(&client->failure, EE_INVALID, "the receive window must be 1 to %d events", EE_RECEIVE_WINDOW_MAX);
  }
  if (!*name || strlen(name) > EE_CLIENT_NAME_MAX || !printable(name)) {
    return ee_fail(&client->failure, EE_INVALID, "the client's name must be 1 to %d bytes of text", EE_CLIENT_NAME_MAX);
  }
  client->timeout_ms = options->timeout_ms ? options->timeout_ms : EE_CONNECT_TIMEOUT_MS;
  client->heartbeat_ms = options->heartbeat_ms ? options->heartbeat_ms : EE_HEARTBEAT_INTERVAL_MS;
  client->receive_window = options->receive_window ? options->receive_window : EE_RECEIVE_WINDOW;
  client->profile = options->profile;
  snprintf(client->client_name, sizeof client->client_name, "%s", name);
  return EE_OK;
}

static ee_status take_endpoint(ee_client *client, const char *text) {
  const char *source = "";
  if (!text) {
    text = getenv(EE_ENV_ENDPOINT);
    source = " in the environment variable " EE_ENV_ENDPOINT;
  }
  if (!text || !*text) {
    return ee_fail(&client->failure, EE_INVALID,
                   "no endpoint: give one to ee_connect, or set " EE_ENV_ENDPOINT " to tcp://host:port");
  }
  if (!ee_endpoint_read(&client->endpoint, text)) {
    char shown[EE_ENDPOINT_SIZE];
    ee_printable(shown, sizeof shown, text, strlen(text));
    return ee_fail(&client->failure, EE_INVALID, "the endpoint \"%s\"%s is not tcp://host:port", shown, source);
  }
  snprintf(client->endpoint_text, sizeof client->endpoint_text, "%s", text);
  return EE_OK;
}

/* ---- finding out what listens ------------------------------------------------------------------------------- */

/* Resolves the host. EE_TRANSPORT: that is not possible now, and *problem says why. */
static ee_status resolve(ee_client *client, ee_addresses *addresses, int64_t deadline, ee_failure *problem) {
  ee_lookup *lookup = ee_lookup_begin(&client->endpoint);
  if (!lookup) return ee_fail(&client->failure, EE_NO_MEMORY, "no memory or thread to resolve a name");
  struct pollfd item = {.fd = ee_lookup_descriptor(lookup), .events = POLLIN};
  while (poll(&item, 1, ee_wait_ms(deadline)) <= 0) {
    if (ee_now_ms() >= deadline) {
      ee_lookup_end(lookup);
      return ee_fail(problem, EE_TRANSPORT, "the name %s could not be resolved in time", client->endpoint.host);
    }
  }
  int status = ee_lookup_result(lookup, addresses);
  ee_lookup_end(lookup);
  if (status == 0) return EE_OK;
  return ee_fail(problem, EE_TRANSPORT, "the host %s is unknown: %s", client->endpoint.host, gai_strerror(status));
}

/* Takes the profile that the peer has and the options allow. */
static ee_status choose(ee_client *client, ee_peer peer) {
  client->peer = peer;
  if (client->profile == EE_PROFILE_SESSION && peer == EE_PEER_REP) {
    return ee_fail(&client->failure, EE_PROTOCOL,
                   "the engine at %s has no sessions: it is older than 0.3; ask for EE_PROFILE_AUTO or _BASIC",
                   client->endpoint_text);
  }
  if (client->profile == EE_PROFILE_AUTO) {
    client->profile = peer == EE_PEER_REP ? EE_PROFILE_BASIC : EE_PROFILE_SESSION;
  }
  return EE_OK;
}

/* Asks each address what it is. EE_TIMEOUT or EE_TRANSPORT: none is an engine now, and *problem says why. */
static ee_status probe_all(ee_client *client, const ee_addresses *addresses, int64_t deadline, ee_failure *problem) {
  ee_status status = EE_TIMEOUT;
  for (size_t i = 0; i < addresses->count; i++) {
    int64_t until = ee_deadline(PROBE_MS);
    char text[EE_TEXT_SIZE] = "";
    ee_peer peer = ee_probe(&addresses->list[i], until < deadline ? until : deadline, text);
    switch (peer) {
      case EE_PEER_ROUTER:
      case EE_PEER_REP: ee_link_seed(&client->link, addresses, i); return choose(client, peer);
      case EE_PEER_FOREIGN:
        return ee_fail(&client->failure, EE_PROTOCOL, "%.200s: %.200s", client->endpoint_text, text);
      case EE_PEER_NO_MEMORY: return ee_fail(&client->failure, EE_NO_MEMORY, "%s", text);
      case EE_PEER_UNREACHABLE:
        status = ee_fail(problem, EE_TRANSPORT, "no way to %.200s: %.200s", client->endpoint_text, text);
        break;
      case EE_PEER_REFUSED:
      case EE_PEER_SILENT:
        status = ee_fail(problem, EE_TIMEOUT, "nobody is listening at %.200s: %.200s", client->endpoint_text, text);
    }
  }
  return status;
}

/* Finds the engine, until the deadline. */
static ee_status find(ee_client *client, int64_t deadline) {
  ee_failure problem = {0};
  for (int64_t pause_ms = EE_RECONNECT_MIN_MS;; pause_ms *= 2) {
    ee_addresses addresses = {0};
    ee_status status = resolve(client, &addresses, deadline, &problem);
    if (status == EE_OK) status = probe_all(client, &addresses, deadline, &problem);
    if (status != EE_TIMEOUT && status != EE_TRANSPORT) return status;
    if (ee_now_ms() >= deadline) {
      return ee_fail(&client->failure, problem.status,
                     "%s (tried for %d ms; does the engine run, and is it the plugin's port?)", problem.text,
                     client->timeout_ms);
    }
    if (pause_ms > EE_RECONNECT_MAX_MS) pause_ms = EE_RECONNECT_MAX_MS;
    int64_t until = ee_now_ms() + pause_ms / 2 + (int64_t)(client->random % (uint32_t)(pause_ms / 2 + 1));
    poll(NULL, 0, ee_wait_ms(until < deadline ? until : deadline));
  }
}

bool ee_is_refused(const ee_link *link) {
  char text[EE_TEXT_SIZE];
  int64_t deadline = ee_deadline(EE_LINGER_MS);
  for (size_t i = 0; i < link->addresses.count; i++) {
    if (ee_probe(&link->addresses.list[i], deadline, text) != EE_PEER_REFUSED) return false;
  }
  return link->addresses.count > 0;
}

/* ---- ee_connect --------------------------------------------------------------------------------------------- */

static ee_status set_up(ee_client *client, const char *endpoint, const ee_options *options) {
  ee_status status = take_options(client, options);
  if (status == EE_OK) status = take_endpoint(client, endpoint);
  if (status != EE_OK) return status;
  if (!ee_pipe(client->wake)) {
    client->wake[0] = client->wake[1] = -1;
    return ee_fail(&client->failure, EE_NO_MEMORY, "no file descriptors");
  }
  if (!ee_random(&client->random, sizeof client->random)) {
    return ee_fail(&client->failure, EE_NO_MEMORY, "no random numbers");
  }
  client->context = zmq_ctx_new();
  if (!client->context) return ee_fail(&client->failure, EE_NO_MEMORY, "no memory for libzmq");
  ee_link_init(&client->link, client->context, &client->endpoint, client->heartbeat_ms, client->random);
  int64_t deadline = ee_deadline(client->timeout_ms);
  status = find(client, deadline);
  if (status != EE_OK) return status;
  return client->profile == EE_PROFILE_SESSION ? ee_session_client_open(client, deadline)
                                               : ee_basic_client_open(client, deadline);
}

ee_status ee_connect(const char *endpoint, const ee_options *options, ee_client **result) {
  if (!result) return EE_INVALID;
  ee_client *client = *result = calloc(1, sizeof *client);
  if (!client) return EE_NO_MEMORY;
  atomic_init(&client->busy, false);
  atomic_init(&client->interrupted, false);
  atomic_init(&client->stopping, false);
  client->wake[0] = client->wake[1] = -1;
  client->open_status = set_up(client, endpoint, options);
  if (client->open_status != EE_OK) {
    ee_disconnect(client, 0);
    atomic_store(&client->stopping, true); /* the client is good for nothing more */
  }
  return client->open_status;
}
