package zmtp

import "time"

// heartbeatSteps is into how many parts the wait for an answer is cut. Time in which this process was suspended passes
// in one of them, so a process that wakes up has the others in which to read what came meanwhile.
const heartbeatSteps = 4

// Heartbeat sends a PING every interval and closes the connection with [ErrSilent] when nothing at all comes within
// timeout after one. It returns when the connection is closed or done is closed.
func (c *Conn) Heartbeat(interval, timeout time.Duration, done <-chan struct{}) {
	pause := func(d time.Duration) bool {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
			return true
		case <-c.closed:
		case <-done:
		}
		return false
	}
	noTTL := []byte{0, 0}
	for pause(interval) {
		before := c.arrivals.Load()
		c.sendCommand("PING", noTTL)
		for step := 0; c.arrivals.Load() == before; step++ {
			if step == heartbeatSteps {
				c.CloseWith(ErrSilent)
				return
			}
			if !pause(timeout / heartbeatSteps) {
				return
			}
		}
	}
}
