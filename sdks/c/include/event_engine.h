/**
 * @file event_engine.h
 * @brief Write a plugin of an event-engine application in C or C++.
 *
 * An application is a set of plugins that exchange events: byte strings whose first bytes say what they are. A plugin
 * connects to its port of the engine, takes events, publishes events, and quits when it has finished. This header is
 * the whole interface.
 *
 * @code{.c}
 * #include <event_engine.h>
 * #include <stdio.h>
 *
 * int main(void) {
 *   ee_client *client;
 *   if (ee_connect("tcp://127.0.0.1:6000", NULL, &client) == EE_OK) {
 *     ee_event *event;
 *     while (ee_next_event(client, -1, &event) == EE_OK) {
 *       fwrite(ee_event_data(event), 1, ee_event_size(event), stdout);
 *       ee_event_free(event);
 *       if (ee_publish(client, "seen: one", 9, -1, NULL) != EE_OK) break;
 *     }
 *     ee_quit(client, -1);
 *   }
 *   fprintf(stderr, "%s\n", ee_error_text(client));
 *   ee_close(client);
 * }
 * @endcode
 *
 * **Rules of the whole interface**
 * - Functions that can fail return an #ee_status; #EE_OK is 0. ee_error_text() then says what happened and what to do.
 * - Time-outs are in milliseconds: 0 looks and does not wait, #EE_NO_TIMEOUT (−1) waits without limit, any other
 *   negative number is #EE_INVALID.
 * - A time-out or an interrupt loses nothing: call again.
 * - A client belongs to one thread at a time. A call during a call of another thread does nothing and returns
 *   #EE_INVALID; only ee_interrupt() and ee_stopping() may be called at any time. Events may be read and freed by any
 *   thread.
 * - Nothing is printed, no signal handler is installed, there is no global state. The library ends no process.
 */
#ifndef EVENT_ENGINE_H
#define EVENT_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Version of this header. */
#define EE_VERSION "0.3.0"

/** Marks what the shared library exports. */
#if defined(__GNUC__)
#define EE_API __attribute__((visibility("default")))
#else
#define EE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** A connection to the plugin's port with everything that belongs to it. */
typedef struct ee_client ee_client;

/** One received event. */
typedef struct ee_event ee_event;

/** What became of a call. */
typedef enum ee_status {
  /** It was done. */
  EE_OK = 0,
  /** Time is up, or ee_interrupt() was called. Nothing is lost: call again. A publish stays under way and must not be
   *  repeated. */
  EE_TIMEOUT = 1,
  /** There is nothing more to come: ee_quit() was called, the application ends, or the session is lost. See
   *  ee_unsettled(). */
  EE_CLOSED = 2,
  /** The engine refused, or a limit that is known here would be passed; ee_error_code() says which. See
   *  ee_unsettled(). */
  EE_REJECTED = 3,
  /** The other side broke the protocol; the text says what came. */
  EE_PROTOCOL = 4,
  /** The engine cannot be reached, or a connection broke in the basic profile and the outcome of a publish is
   *  unknown. See ee_unsettled(). */
  EE_TRANSPORT = 5,
  /** An argument makes no sense, or another thread uses the client. Nothing was done. */
  EE_INVALID = 6,
  /** There is no memory, or another resource of the system is used up. Nothing was done; nothing is lost. */
  EE_NO_MEMORY = 7
} ee_status;

/** How to talk to the engine. */
typedef enum ee_profile {
  /** The session profile with an engine that has it, else basic. */
  EE_PROFILE_AUTO = 0,
  /** Acknowledged, batched, resumed after broken connections. */
  EE_PROFILE_SESSION = 1,
  /** One request, one reply; every engine has it. */
  EE_PROFILE_BASIC = 2
} ee_profile;

/** A time-out: wait without limit. */
#define EE_NO_TIMEOUT (-1)

/** What ee_connect() may be told. Begin with #EE_OPTIONS_INIT; a member that is 0 or NULL means its default. */
typedef struct ee_options {
  /** `sizeof(ee_options)`, set by #EE_OPTIONS_INIT: later versions may add members. */
  size_t size;
  /** How long ee_connect() tries, in milliseconds. 0: 10,000. #EE_NO_TIMEOUT: without limit. */
  int timeout_ms;
  /** The profile; #EE_PROFILE_AUTO asks the engine. */
  ee_profile profile;
  /** A silent connection is probed so often, and given up when the answer takes as long; in milliseconds, 0: 60,000. */
  int heartbeat_ms;
  /** Events that the engine may send ahead of those handled: 1 to 16,384, 0: 8,192. With 1 each is acknowledged before
   * the next one comes, so that none is repeated which was handled before. */
  int receive_window;
  /** Name and version of the program, shown in the engine's log: at most 64 characters. NULL: `c/` and #EE_VERSION. */
  const char *client_name;
} ee_options;

/** Initial value of an #ee_options. */
#define EE_OPTIONS_INIT {sizeof(ee_options), 0, EE_PROFILE_AUTO, 0, 0, NULL}

/** Bytes that belong to the caller. */
typedef struct ee_bytes {
  /** The first byte; may be NULL when `size` is 0. */
  const void *data;
  /** Number of bytes. */
  size_t size;
} ee_bytes;

/**
 * Connects to the plugin's port and, in the session profile, waits until the application has started.
 *
 * Nobody listening there yet, or a name that cannot be resolved yet, is tried again until the time is up: processes
 * of an application start in any order.
 *
 * @param endpoint `tcp://host:port`; NULL takes it from the environment variable `EVENT_ENGINE_ENDPOINT`.
 * @param options  NULL for the defaults.
 * @param client   Receives the client, **also when connecting fails**: then it is good for ee_error_text() and
 *                 ee_close() only. NULL when there is no memory. Close it in any case.
 * @return #EE_OK; #EE_TIMEOUT nobody is listening, or the application waits for other plugins (the text says which);
 *         #EE_TRANSPORT the host is unknown or unreachable; #EE_PROTOCOL the peer is no engine, or has no sessions
 *         though #EE_PROFILE_SESSION asks for one; #EE_REJECTED the engine refused the session; #EE_INVALID;
 *         #EE_NO_MEMORY.
 */
EE_API ee_status ee_connect(const char *endpoint, const ee_options *options, ee_client **client);

/**
 * Waits for the next event.
 *
 * Asking for an event acknowledges all events that were returned before it: finish with one before asking for the
 * next. If the process ends instead, the engine delivers the event again (session profile).
 *
 * @param client     The client.
 * @param timeout_ms How long to wait.
 * @param event      Receives the event; free it with ee_event_free(). NULL unless #EE_OK is returned.
 * @return #EE_OK; #EE_TIMEOUT; #EE_CLOSED when nothing more will come; #EE_REJECTED and #EE_PROTOCOL when the session
 *         ended so; #EE_INVALID; #EE_NO_MEMORY.
 */
EE_API ee_status ee_next_event(ee_client *client, int timeout_ms, ee_event **event);

/** The bytes of an event; never NULL, and valid until ee_event_free(). There is no NUL behind them. */
EE_API const void *ee_event_data(const ee_event *event);

/** The number of bytes of an event. */
EE_API size_t ee_event_size(const ee_event *event);

/** The position of an event in its session: 1, 2, 3, … Always 0 in the basic profile. */
EE_API uint64_t ee_event_sequence(const ee_event *event);

/** Whether the event may have been delivered before, to a session that ended without acknowledging it. */
EE_API bool ee_event_redelivered(const ee_event *event);

/**
 * Frees an event. NULL is fine, any thread may do it, also after ee_close(). Events that came in one message share
 * its memory (up to 1 MiB), which is freed with the last of them: copy what you keep for long.
 */
EE_API void ee_event_free(ee_event *event);

/**
 * Publishes one event and waits until the engine has accepted it for every plugin that subscribed to it.
 *
 * @param client     The client.
 * @param data       The event; it is copied.
 * @param size       Its bytes: any content, 0 is allowed.
 * @param timeout_ms How long to wait. After #EE_TIMEOUT the event is still under way and will be accepted: do not
 *                   publish it again; ee_unsettled() tells whether it is settled meanwhile. Only in basic it may be
 * that there was no connection to send it on: `id` is 0 then, and nothing was published.
 * @param id         Receives the event's publish id (1, 2, 3, … of this client), also with #EE_TIMEOUT; 0 when it got
 *                   none. May be NULL.
 * @return #EE_OK; #EE_TIMEOUT; #EE_REJECTED (`too-large`: longer than the engine's limit; in basic `bad-command`: the
 *         event begins with `plugin_command: `, or `bad-msg`: the engine refused it): nothing was published and the
 * client can go on, unless the engine said it, which ended the session; #EE_CLOSED; #EE_TRANSPORT in basic: the
 * connection broke, the outcome is unknown; #EE_PROTOCOL; #EE_INVALID; #EE_NO_MEMORY.
 */
EE_API ee_status ee_publish(ee_client *client, const void *data, size_t size, int timeout_ms, uint64_t *id);

/**
 * Publishes many events in their order and waits until the engine has accepted all of them. Much faster than one by
 * one: they travel packed, and many messages at a time.
 *
 * @param client     The client.
 * @param events     The events; they are copied.
 * @param count      How many; 0 does nothing.
 * @param timeout_ms How long to wait. After #EE_TIMEOUT, in the session profile, all of them are under way, as with
 *                   ee_publish(); in basic the ids up to `last_id` are, and the others were not published.
 * @param last_id    Receives the publish id of the last event that was taken over; 0 when none was. Ids are
 * consecutive, so the first one was `last_id - count + 1` if all were taken. May be NULL.
 * @return As ee_publish(). The sizes of all events are checked before anything is sent. With #EE_NO_MEMORY the events
 *         up to `last_id` are under way, and the others were not published.
 */
EE_API ee_status ee_publish_batch(ee_client *client, const ee_bytes *events, size_t count, int timeout_ms,
                                  uint64_t *last_id);

/**
 * Ends the wait of the client's call in another thread, or of its next call: that one returns #EE_TIMEOUT, and nothing
 * is lost. May be called from a signal handler. ee_connect() cannot be interrupted.
 */
EE_API void ee_interrupt(ee_client *client);

/**
 * Whether the application is ending, as far as has come; once true it stays so. It does not wait, and leaves
 * ee_error_text() as it is. For programs that only publish: `while (!ee_stopping(client))` publish, then ee_quit().
 * Publishing goes on working until then.
 *
 * Also true once the client has quit or has lost its session, if ee_connect() failed, and for NULL. In basic nobody
 * says that the application is ending: there it is true only then. May be called at any time, also during a call of
 * another thread: then that call takes in what comes, and this one says what it has found so far.
 */
EE_API bool ee_stopping(ee_client *client);

/**
 * Says that the plugin has finished, acknowledging every event returned, and closes the connection. Further calls get
 * #EE_CLOSED; the client is still to be freed by ee_close().
 *
 * In the session profile the engine confirms, after it has accepted every publish that was under way. In basic nothing
 * is confirmed; the command leaves the process before this returns, for at most 1 s.
 *
 * @param client     The client.
 * @param timeout_ms How long to wait; #EE_NO_TIMEOUT means 10,000 here.
 * @return #EE_OK, also when called again; #EE_TIMEOUT: no answer yet, call again or give up with ee_close();
 *         #EE_CLOSED, #EE_REJECTED, #EE_PROTOCOL: the session had ended, and the text says how; in basic #EE_TRANSPORT
 * and #EE_REJECTED: it was done, but a publish that timed out before has an unknown outcome or was refused;
 *         #EE_INVALID; #EE_NO_MEMORY.
 */
EE_API ee_status ee_quit(ee_client *client, int timeout_ms);

/**
 * Closes the connection and frees the client. Without ee_quit() before, the plugin has not finished: the engine waits
 * for it to come back, and delivers again what was not acknowledged. Takes at most about 1 s. NULL is fine.
 *
 * @return #EE_OK; #EE_INVALID when another thread is in a call: then nothing was done.
 */
EE_API ee_status ee_close(ee_client *client);

/**
 * What happened in the last call that did not return #EE_OK, and what to do; never NULL. Belongs to the client and is
 * valid until its next call. For a NULL client it says why ee_connect() could give none.
 */
EE_API const char *ee_error_text(const ee_client *client);

/**
 * The code of the failure that ee_error_text() describes, if it has one, as every #EE_REJECTED has: `bad-command`,
 * `bad-param`, `unsupported-version`, `too-large`, `window`, `not-allowed`, `stopping`, `internal`, in basic
 * `bad-msg`, or what a later engine says. Otherwise an empty string; never NULL.
 */
EE_API const char *ee_error_code(const ee_client *client);

/**
 * Which publishes are not known to be accepted: under way, or, once the session has ended, of unknown outcome.
 *
 * @param client The client.
 * @param first  Receives the first such id, or 0. May be NULL.
 * @param last   Receives the last such id, or 0. May be NULL.
 * @return Whether there are any.
 */
EE_API bool ee_unsettled(const ee_client *client, uint64_t *first, uint64_t *last);

/** The profile in use: #EE_PROFILE_SESSION or #EE_PROFILE_BASIC; #EE_PROFILE_AUTO as long as that is not known. */
EE_API ee_profile ee_client_profile(const ee_client *client);

/** The name of a status, such as `"EE_TIMEOUT"`; `"?"` for any other number. */
EE_API const char *ee_status_name(ee_status status);

/** The version of the library that runs, such as `"0.3.0"`; #EE_VERSION is that of the header. */
EE_API const char *ee_version(void);

#ifdef __cplusplus
}
#endif

#endif
