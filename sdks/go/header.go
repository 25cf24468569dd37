package eventengine

import (
	"math"
	"strconv"
	"strings"
)

// A header is the first frame of a session message: a prefix that says who speaks, a verb, and keys with values, as in
// `event-engine: events seq=7 count=3`.
type header struct {
	verb   string
	values []value
}

type value struct {
	key, text string
	number    uint64 // of integers and flags
}

// keyKind says what the value of a key has to look like.
type keyKind int

const (
	textKey     keyKind = iota
	integerKey          // `0`, or digits that do not begin with 0; at most 2^63-1
	positiveKey         // an integer that is not 0
	flagKey             // 0 or 1
	sessionKey          // 32 hexadecimal digits in small letters
)

type keyRule struct {
	key      string
	kind     keyKind
	optional bool
}

// verbRule says what belongs to a verb: keys, and whether a payload follows the header.
type verbRule struct {
	keys    []keyRule
	payload bool
}

// engineVerbs is everything that an engine says.
var engineVerbs = map[string]verbRule{
	verbWelcome: {keys: []keyRule{
		{key: "version", kind: positiveKey}, {key: "engine"}, {key: "plugin"},
		{key: "resumed", kind: flagKey}, {key: "received", kind: integerKey},
		{key: "max-event-bytes", kind: integerKey},
		{key: "publish-window", kind: integerKey}, {key: "publish-window-bytes", kind: integerKey},
		{key: "ping-ms", kind: integerKey}, {key: "grace-ms", kind: integerKey},
	}},
	verbOK: {},
	verbEvents: {payload: true, keys: []keyRule{
		{key: "seq", kind: positiveKey}, {key: "count", kind: positiveKey, optional: true},
		{key: "redelivered", kind: flagKey, optional: true}, {key: "order", kind: integerKey, optional: true},
	}},
	verbPublished: {keys: []keyRule{{key: "id", kind: integerKey}}},
	verbPing:      {},
	verbStop:      {keys: []keyRule{{key: "reason"}}},
	verbBye:       {},
	verbError: {payload: true, keys: []keyRule{
		{key: "code"}, {key: "id", kind: integerKey, optional: true}, {key: "versions", optional: true},
	}},
}

// parseHeader reads a header that begins with prefix and has one of verbs. Where it can't, code says why: bad-command
// if it is no header, bad-param if a key of its verb is missing or malformed. Unknown keys are ignored.
func parseHeader(prefix string, verbs map[string]verbRule, octets []byte) (h *header, code string) {
	h = scanHeader(prefix, octets)
	if h == nil {
		return nil, CodeBadCommand
	}
	rule, known := verbs[h.verb]
	if !known {
		return nil, CodeBadCommand
	}
	for _, key := range rule.keys {
		if !h.check(key) {
			return nil, CodeBadParam
		}
	}
	return h, ""
}

// scanHeader reads the grammar alone: prefix, verb, and " key=value" any number of times. It returns nil if it can't.
func scanHeader(prefix string, octets []byte) *header {
	if len(octets) > headerMaxBytes {
		return nil
	}
	text, ok := strings.CutPrefix(string(octets), prefix)
	end := wordEnd(text)
	if !ok || end == 0 {
		return nil
	}
	h := &header{verb: text[:end], values: make([]value, 0, 4)}
	for text = text[end:]; text != ""; {
		if text[0] != ' ' {
			return nil
		}
		text = text[1:]
		end = wordEnd(text)
		if end == 0 || end == len(text) || text[end] != '=' {
			return nil
		}
		key := text[:end]
		word, rest, ok := scanValue(text[end+1:])
		if !ok || h.find(key) != nil {
			return nil
		}
		h.values = append(h.values, value{key: key, text: word})
		text = rest
	}
	return h
}

// wordEnd returns the length of the verb or key that text begins with: [a-z][a-z0-9-]*.
func wordEnd(text string) int {
	for i := range len(text) {
		c := text[i]
		if c >= 'a' && c <= 'z' || i > 0 && (c >= '0' && c <= '9' || c == '-') {
			continue
		}
		return i
	}
	return len(text)
}

// scanValue decodes the value that text begins with, which a space or the end ends, and returns what follows it.
func scanValue(text string) (word, rest string, ok bool) {
	end, encoded := 0, false
	for ; end < len(text) && text[end] != ' '; end++ {
		if text[end] < 0x21 || text[end] > 0x7e {
			return "", "", false
		}
		encoded = encoded || text[end] == '%'
	}
	word, rest = text[:end], text[end:]
	if !encoded {
		return word, rest, true
	}
	decoded := make([]byte, 0, len(word))
	for i := 0; i < len(word); i++ {
		if word[i] != '%' {
			decoded = append(decoded, word[i])
			continue
		}
		if i+2 >= len(word) {
			return "", "", false
		}
		octet, err := strconv.ParseUint(word[i+1:i+3], 16, 8)
		if err != nil {
			return "", "", false
		}
		decoded = append(decoded, byte(octet))
		i += 2
	}
	return string(decoded), rest, true
}

// check reports whether h obeys rule, and reads numbers on the way.
func (h *header) check(rule keyRule) bool {
	v := h.find(rule.key)
	if v == nil {
		return rule.optional
	}
	switch rule.kind {
	case textKey:
		return true
	case sessionKey:
		return len(v.text) == 32 && strings.Trim(v.text, "0123456789abcdef") == ""
	}
	number, err := strconv.ParseUint(v.text, 10, 64) // takes no sign
	if err != nil || number > math.MaxInt64 || len(v.text) > 1 && v.text[0] == '0' {
		return false
	}
	v.number = number
	switch rule.kind {
	case positiveKey:
		return number > 0
	case flagKey:
		return number <= 1
	}
	return true
}

func (h *header) find(key string) *value {
	for i := range h.values {
		if h.values[i].key == key {
			return &h.values[i]
		}
	}
	return nil
}

func (h *header) has(key string) bool { return h.find(key) != nil }

// text returns the value of a key, empty if it is absent.
func (h *header) text(key string) string {
	if v := h.find(key); v != nil {
		return v.text
	}
	return ""
}

// number returns the value of an integer or a flag that is in the verb's rule, 0 if it is absent.
func (h *header) number(key string) uint64 {
	if v := h.find(key); v != nil {
		return v.number
	}
	return 0
}

// headerWriter builds a header of ours: newHeader(verb).integer(…).word(…).
type headerWriter []byte

func newHeader(verb string) headerWriter {
	return append(append(make(headerWriter, 0, 64), commandPrefix...), verb...)
}

func (w headerWriter) key(key string) headerWriter {
	return append(append(append(w, ' '), key...), '=')
}

func (w headerWriter) integer(key string, number uint64) headerWriter {
	return strconv.AppendUint(w.key(key), number, 10)
}

func (w headerWriter) word(key, text string) headerWriter {
	const hexDigits = "0123456789ABCDEF"
	w = w.key(key)
	for i := range len(text) {
		c := text[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', strings.IndexByte("-._~/:+", c) >= 0:
			w = append(w, c)
		default:
			w = append(w, '%', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return w
}
