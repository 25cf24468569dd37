/**
 * @file event_engine_envelope.h
 * @brief Optional typed metadata for events of event-engine.
 *
 * An event is bytes that begin with a filter, the prefix by which plugins subscribe. ee_envelope_seal() puts an
 * #ee_envelope behind the filter: an id, a source, a type and, if wanted, a time, a subject, a cause and a media type
 * beside the data, with CloudEvents' names. ee_envelope_open() reads it. Subscriptions by prefix go on working, and
 * plugins in every language open the same events.
 *
 * @code{.c}
 * ee_envelope reading = {.id = "1", .source = "/sensors/7", .type = "org.example.reading"};
 * reading.data = "21.5";
 * reading.data_size = 4;
 * void *event;
 * size_t size;
 * ee_envelope_status status = ee_envelope_seal("reading: ", 9, &reading, &event, &size);
 * if (status == EE_ENVELOPE_OK) {
 *   ee_publish(client, event, size, -1, NULL);
 *   free(event);
 * }
 * @endcode
 *
 * The library handles bytes and nothing else, has no state, prints nothing, and may be used by any number of threads.
 */
#ifndef EVENT_ENGINE_ENVELOPE_H
#define EVENT_ENGINE_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Marks what the shared library exports. */
#if defined(__GNUC__)
#define EE_ENVELOPE_API __attribute__((visibility("default")))
#else
#define EE_ENVELOPE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * @brief Metadata and data of one event.
 *
 * Texts are UTF-8 and end with a NUL. NULL and the empty text are an absent attribute; in an opened envelope no text is
 * NULL. Start from `{0}` or a designated initializer, so that what later versions add is absent.
 */
typedef struct ee_envelope {
  const char *id;       /**< Names this event; no two different events of one source have the same. Mandatory. */
  const char *source;   /**< Names what the event comes from: a URI reference, such as `/sensors/7`. Mandatory. */
  const char *type;     /**< Says what kind of event this is, such as `org.example.reading`. Mandatory. */
  bool has_time;        /**< Whether there is a time. */
  int64_t time_seconds; /**< When it happened, in seconds since 1970 (UTC), rounded down. */
  int32_t time_nanos;   /**< And nanoseconds, 0 to 999999999, that count forward, also before 1970. */
  const char *datacontenttype; /**< The media type of the data, such as `application/json`. */
  const char *subject;         /**< What the event is about, within its source. */
  const char *cause_id;        /**< The id of the event that led to this one. */
  const void *data;            /**< The event itself; may be NULL if `data_size` is 0. */
  size_t data_size;            /**< Bytes of data. */
} ee_envelope;

/** Outcome of a call. */
typedef enum ee_envelope_status {
  EE_ENVELOPE_OK = 0,          /**< Done. */
  EE_ENVELOPE_INVALID,         /**< A pointer is NULL that must not be, or the envelope is beyond 2 GiB. */
  EE_ENVELOPE_NO_MEMORY,       /**< Memory ran out; nothing was done. */
  EE_ENVELOPE_FILTER_MISMATCH, /**< The event does not begin with the filter: it is of another kind. */
  EE_ENVELOPE_MALFORMED,       /**< No envelope, or a text that is not UTF-8, or a time outside the years 1 to 9999. */
  EE_ENVELOPE_MISSING_ID,      /**< The mandatory id is absent or empty. */
  EE_ENVELOPE_MISSING_SOURCE,  /**< The mandatory source is absent or empty. */
  EE_ENVELOPE_MISSING_TYPE     /**< The mandatory type is absent or empty. */
} ee_envelope_status;

/**
 * @brief Makes an event: the bytes of the filter, and after them the envelope.
 *
 * The same envelope always gives the same bytes.
 *
 * @param filter       what the event begins with; may be NULL if `filter_size` is 0
 * @param filter_size  bytes of the filter
 * @param envelope     what to seal; stays the caller's
 * @param[out] event   the event's bytes, to be released by `free`; NULL on failure
 * @param[out] size    bytes of the event; 0 on failure
 */
EE_ENVELOPE_API ee_envelope_status ee_envelope_seal(const void *filter, size_t filter_size, const ee_envelope *envelope,
                                                    void **event, size_t *size);

/**
 * @brief Reads the envelope of an event that was sealed with the filter, also where the plugin subscribes to a shorter
 * one.
 *
 * The envelope keeps nothing of the event's memory. Fields that this version does not know are skipped.
 *
 * @param filter         what the event must begin with; may be NULL if `filter_size` is 0
 * @param filter_size    bytes of the filter
 * @param event          the event's bytes; may be NULL if `size` is 0
 * @param size           bytes of the event
 * @param[out] envelope  to be released by ee_envelope_free(); NULL on failure
 */
EE_ENVELOPE_API ee_envelope_status ee_envelope_open(const void *filter, size_t filter_size, const void *event,
                                                    size_t size, ee_envelope **envelope);

/** Releases an envelope that ee_envelope_open() made, with its texts and data; NULL is fine. */
EE_ENVELOPE_API void ee_envelope_free(ee_envelope *envelope);

/** Sets the envelope's time to now. */
EE_ENVELOPE_API void ee_envelope_set_time_now(ee_envelope *envelope);

/** Says in words what a status means, for messages; never NULL. */
EE_ENVELOPE_API const char *ee_envelope_status_text(ee_envelope_status status);

#ifdef __cplusplus
}
#endif

#endif
