// Package envelope puts optional typed metadata into events of event-engine.
//
// An event is bytes that begin with a filter, the prefix by which plugins subscribe. [Seal] puts an [Envelope] behind the
// filter: an id, a source, a type and, if wanted, a time, a subject, a cause and a media type beside the data, with
// CloudEvents' names. [Open] reads it. Subscriptions by prefix go on working, and plugins in every language open the
// same events.
//
// The package handles bytes and nothing else. It is a module of its own, so that a program without envelopes needs no
// protobuf.
package envelope
