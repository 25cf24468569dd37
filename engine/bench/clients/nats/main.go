// Command nats is the bench's NATS: a server, a publisher and a subscriber, each a process of its own.
//
//	nats server                                      prints "port N", ends with stdin
//	nats subscribe URL EVENTS BYTES                  prints "ready", then one line of JSON
//	nats publish URL EVENTS BYTES [PER_SECOND]       prints one line of JSON
//
// Events are those of the bench: a filter, a number and a time (both 8 bytes, little-endian), and fill. Times are
// nanoseconds since 1970. The subscriber has no limits of its own, and counts what comes: NATS may lose events.
package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	subject = "bench"
	filter  = "bench:"
	within  = 30 * time.Second
)

type result struct {
	Events      uint64  `json:"events"`
	FirstNs     int64   `json:"first_ns,omitempty"`
	LastNs      int64   `json:"last_ns"`
	LatenciesNs []int64 `json:"latencies_ns,omitempty"`
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "nats:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 1 && args[0] == "server" {
		return serve()
	}
	if len(args) < 4 {
		return errors.New("usage: nats server | subscribe URL EVENTS BYTES | publish URL EVENTS BYTES [PER_SECOND]")
	}
	numbers := make([]uint64, 3)
	for i, text := range args[2:min(len(args), 5)] {
		number, err := strconv.ParseUint(text, 10, 32)
		if err != nil {
			return err
		}
		numbers[i] = number
	}
	conn, err := nats.Connect(args[1], nats.Timeout(within))
	if err != nil {
		return err
	}
	defer conn.Close()
	var got result
	switch args[0] {
	case "subscribe":
		got, err = subscribe(conn, numbers[0], int(numbers[1]))
	case "publish":
		got, err = publish(conn, numbers[0], int(numbers[1]), numbers[2])
	default:
		err = fmt.Errorf("there is no command %q", args[0])
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(got)
}

func serve() error {
	// Otherwise with the server's own defaults.
	srv, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return err
	}
	srv.Start()
	if !srv.ReadyForConnections(within) {
		return errors.New("the server does not get ready")
	}
	url := srv.ClientURL()
	fmt.Printf("port %s\n", url[len("nats://127.0.0.1:"):])
	_, err = io.Copy(io.Discard, os.Stdin)
	srv.Shutdown()
	return err
}

// subscribe takes events until the last one came, or for some time.
func subscribe(conn *nats.Conn, events uint64, bytes int) (result, error) {
	var (
		got  result
		next uint64
	)
	done := make(chan error, 1)
	sub, err := conn.Subscribe(subject, func(msg *nats.Msg) {
		number, sent, err := parse(msg.Data, bytes)
		if err == nil && number < next {
			err = fmt.Errorf("event %d came where %d was next", number, next)
		}
		if err != nil {
			done <- err
			return
		}
		got.Events++
		next = number + 1
		if sent != 0 {
			got.LatenciesNs = append(got.LatenciesNs, time.Now().UnixNano()-sent)
		}
		if next == events {
			got.LastNs = time.Now().UnixNano()
			done <- nil
		}
	})
	if err != nil {
		return got, err
	}
	if err := sub.SetPendingLimits(-1, -1); err != nil {
		return got, err
	}
	if err := conn.Flush(); err != nil {
		return got, err
	}
	fmt.Println("ready")
	select {
	case err = <-done:
	case <-time.After(within):
		err = errors.New("the last event did not come")
	}
	return got, err
}

// publish sends events and waits until the server has taken them all.
func publish(conn *nats.Conn, events uint64, bytes int, perSecond uint64) (result, error) {
	made := make([][]byte, events)
	for i := range made {
		made[i] = event(uint64(i), bytes)
	}
	first := time.Now()
	for i, data := range made {
		if perSecond > 0 {
			due := first.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
			time.Sleep(time.Until(due))
			binary.LittleEndian.PutUint64(data[len(filter)+8:], uint64(time.Now().UnixNano()))
		}
		if err := conn.Publish(subject, data); err != nil {
			return result{}, err
		}
	}
	if err := conn.FlushTimeout(within); err != nil {
		return result{}, err
	}
	return result{Events: events, FirstNs: first.UnixNano(), LastNs: time.Now().UnixNano()}, nil
}

func event(number uint64, bytes int) []byte {
	data := make([]byte, max(bytes, len(filter)+16))
	for i := range data {
		data[i] = '.'
	}
	copy(data, filter)
	binary.LittleEndian.PutUint64(data[len(filter):], number)
	binary.LittleEndian.PutUint64(data[len(filter)+8:], 0)
	return data
}

func parse(data []byte, bytes int) (number uint64, sent int64, err error) {
	if len(data) != bytes || len(data) < len(filter)+16 {
		return 0, 0, fmt.Errorf("an event of %d bytes instead of %d", len(data), bytes)
	}
	number = binary.LittleEndian.Uint64(data[len(filter):])
	return number, int64(binary.LittleEndian.Uint64(data[len(filter)+8:])), nil
}
