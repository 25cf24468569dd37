// Package zmtp is the part of ZMTP 3.0 and 3.1, ZeroMQ's transport protocol, that one DEALER socket on one TCP connection
// needs: the greeting, the NULL mechanism, heartbeats, and messages of frames in both directions.
//
// A [Conn] has one reader, who calls [Conn.ReadMessage], and any number of writers, who call [Conn.Send] and
// [Conn.Flush]. There is no reconnecting and no queue between callers and the network but what a blocked connection
// has not taken yet: whoever uses the package decides about both.
//
// What comes from the peer is never trusted: a frame's memory grows with the bytes that arrive, whatever length was
// announced, and every breach of the protocol is a [*ProtocolError].
package zmtp
