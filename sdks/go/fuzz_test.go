package eventengine

import (
	"bytes"
	"testing"
)

// FuzzHeader reads anything as a header; what is one survives being written and read again.
func FuzzHeader(f *testing.F) {
	for _, text := range []string{"welcome version=1", "events seq=1 count=2", "stop reason=a%20b", "error code=x id=1", "ok", "ok x=%"} {
		f.Add([]byte(replyPrefix + text))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		h, code := parseHeader(replyPrefix, engineVerbs, octets)
		if (h == nil) != (code != "") {
			t.Fatalf("a header %v and the code %q", h, code)
		}
		if h == nil {
			return
		}
		again := newHeader(h.verb)
		for _, v := range h.values {
			again = again.word(v.key, v.text)
		}
		if len(again) > headerMaxBytes {
			return // percent-encoding makes it longer
		}
		back := scanHeader(commandPrefix, again)
		if back == nil || back.verb != h.verb || len(back.values) != len(h.values) {
			t.Fatalf("%q was written as %q", octets, again)
		}
		for i, v := range h.values {
			if back.values[i].key != v.key || back.values[i].text != v.text {
				t.Fatalf("%q was written as %q", octets, again)
			}
		}
	})
}

// FuzzBatch reads anything as a packed payload; what is one is the same when packed again.
func FuzzBatch(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01a"), uint64(1))
	f.Add([]byte("\x00\x00\x00\x00\x00\x00\x00\x02ab"), uint64(2))
	f.Add([]byte("\xff\xff\xff\xff"), uint64(1<<62))
	f.Fuzz(func(t *testing.T, payload []byte, count uint64) {
		if count == 0 || checkBatch(payload, count) != "" {
			return
		}
		b := batch{seq: 1, count: count, payload: payload, packed: true}
		var again []byte
		for b.count > 0 {
			again = appendPacked(again, b.next())
		}
		if !bytes.Equal(again, payload) {
			t.Fatalf("%x became %x", payload, again)
		}
	})
}

// FuzzCore plays a hostile engine and a busy caller: whatever comes, nothing crashes, the numbers of the events that are
// returned are consecutive, and what is settled was sent.
func FuzzCore(f *testing.F) {
	welcome := "welcome version=1 engine=e plugin=p resumed=0 received=0 max-event-bytes=9 publish-window=3 " +
		"publish-window-bytes=9 ping-ms=1 grace-ms=1"
	f.Add([]byte("c"), []byte(welcome), []byte("ok"), []byte("events seq=1"), []byte("x"))
	f.Add([]byte("cpnpdcq"), []byte(welcome), []byte("ok"), []byte("published id=1"), []byte(""))
	f.Add([]byte("cpnpdcx"), []byte(welcome), []byte("ok"), []byte("events seq=1 count=2"), []byte("\x00\x00\x00\x01a\x00\x00\x00\x01b"))
	f.Fuzz(func(t *testing.T, calls, one, two, three, payload []byte) {
		c := newCore("00112233445566778899aabbccddeeff", "fuzz/1", 4)
		sequence := uint64(0)
		says := [][]byte{one, two, three}
		for i, call := range append(calls, calls...) {
			switch call {
			case 'c':
				c.connected()
			case 'd':
				c.disconnected()
			case 'p':
				_, _ = c.publish([][]byte{payload, {1}})
			case 'q':
				_ = c.quit()
			case 'x':
				c.close()
			case 'n':
				if event, ok, _ := c.next(); ok {
					if event.Sequence != sequence+1 {
						t.Fatalf("event %d after %d", event.Sequence, sequence)
					}
					sequence = event.Sequence
				}
			}
			frames := [][]byte{append([]byte(replyPrefix), says[i%len(says)]...)}
			if bytes.HasPrefix(says[i%len(says)], []byte("e")) {
				frames = append(frames, payload)
			}
			c.received(frames)
			if c.settled > c.emitted && c.phase != stateEnded || c.emitted > c.given {
				t.Fatalf("settled %d, sent %d, given %d", c.settled, c.emitted, c.given)
			}
			for _, message := range c.out {
				if _, code := parseHeader(commandPrefix, clientVerbs, message[0]); code != "" {
					t.Fatalf("%q is sent (%s)", message, code)
				}
			}
			c.out = nil
		}
	})
}
