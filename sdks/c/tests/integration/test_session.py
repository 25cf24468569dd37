"""The session profile with this project's engine: resuming, redelivery, ends."""

import time

from peers import Case, Taken


def closed_by(port):
    """Whether the process at a local port has closed a connection that its peer still holds."""
    close_wait = "08"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [row.split() for row in table.readlines()[1:]]
    return any(row[2].endswith(f":{port:04X}") and row[3] == close_wait for row in rows)


class Session(Case):
    def test_auto_takes_a_session(self):
        e = self.engine()
        self.assertEqual(self.puppet(e.endpoint).ask("profile"), "1")

    def test_exactly_once_and_in_order_through_faults(self):
        e = self.engine()
        proxy = self.proxy(e, "--seed", 11, "--cut-after-bytes", 100000, "--delay-ms", 5)
        c = self.puppet(proxy.endpoint)
        e.send("publish 100000 100")
        taken = Taken(c.ask("duplex 100000 60000", 90))
        self.assert_took_all(taken, 100000)
        self.assertEqual(e.read(), "published 100000")
        proxy.ask("faults off")
        # By the bytes alone, 32 are to be expected.
        self.assertGreater(int(proxy.ask("stats").split()[5]), 3, "the proxy has cut")
        self.assertEqual(c.ask("quit 10000"), "EE_OK", c.ask("text"))
        self.assertEqual(e.collected(100000), (100000, 100000, True, "99999"))
        self.assertTrue(e.ask("wait 10000").startswith("ended COMPLETED"))
        self.assertTrue(e.ledger()["balances"])

    def test_a_killed_client_misses_nothing(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        e.ask("publish 1000")
        before = c.take(500, 5000)
        self.assert_took_all(before, 500)
        c.kill()
        c = self.puppet(e.endpoint)
        after = c.take(1000, 2000)
        # What was acknowledged does not come again; all the rest does, and what the first one has seen is marked.
        self.assertLess(after.first, 500, after.line)
        self.assertEqual((after.last, after.distinct, after.in_order), (999, 1000 - after.first, True), after.line)
        self.assertGreaterEqual(after.redelivered, 500 - after.first)
        self.assertEqual(c.ask("quit 5000"), "EE_OK")
        self.assertTrue(e.ledger()["balances"])

    def test_a_killed_client_has_acknowledged_what_it_handled_before_waiting(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        e.ask("publish 100")
        self.assert_took_all(c.take(100, 5000), 100)
        self.assertEqual(c.ask("next 10"), "EE_TIMEOUT")
        c.kill()
        e.ask("publish 1")
        self.assertEqual(self.puppet(e.endpoint).take(1, 5000).first, 100)

    def test_close_keeps_the_event_in_hand(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        e.ask("publish 10")
        self.assert_took_all(c.take(4, 5000), 4)
        self.assertEqual(c.ask("close"), "EE_OK")
        taken = self.puppet(e.endpoint).take(10, 1000)
        # The event 3 was in hand.
        self.assertEqual((taken.first, taken.last, taken.distinct, taken.in_order), (3, 9, 7, True), taken.line)

    def test_a_stopped_process_resumes_its_session(self):
        e = self.engine("--heartbeat-ms", 200)
        c = self.puppet(e.endpoint)
        e.ask("publish 100")
        self.assert_took_all(c.take(50, 5000), 50)
        c.stop()
        self.eventually(lambda: closed_by(e.port))
        e.ask("publish 100")
        c.resume()
        taken = c.take(150, 10000)
        self.assertEqual((taken.status, taken.first, taken.in_order, taken.redelivered), ("EE_OK", 50, True, 0), taken.line)
        self.assertEqual(c.ask("publish 0 1 5000"), "EE_OK 1")

    def test_an_engine_that_starts_anew_has_lost_the_session(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("pause")
        self.assertEqual(c.ask("batch 0 3 50"), "EE_TIMEOUT 3")
        self.assertIn("under way", c.ask("text"))
        self.assertEqual(c.unsettled(), (1, 3))
        port = e.port
        e.kill()
        self.engine("--port", port)
        proxy.ask("cut")
        proxy.ask("resume")
        self.assertEqual(c.ask("next 10000"), "EE_CLOSED")
        self.assertIn("unsettled", c.ask("text"))
        self.assertEqual(c.unsettled(), (1, 3))
        self.assertEqual(c.ask("publish 0 1 100"), "EE_CLOSED 0")
        self.assertEqual(c.ask("quit 100"), "EE_CLOSED")

    def test_a_publish_that_timed_out_is_accepted_later(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("pause")
        self.assertEqual(c.ask("publish 0 1 30"), "EE_TIMEOUT 1")
        proxy.ask("cut reset")
        proxy.ask("resume")
        self.assertEqual(c.ask("publish 1 1 10000"), "EE_OK 2")
        self.assertIsNone(c.unsettled())
        self.assertEqual(e.collected(2), (2, 2, True, "1"))

    def test_a_batch_larger_than_the_window_times_out_as_a_whole(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("pause")
        self.assertEqual(c.ask("batch 0 40000 50"), "EE_TIMEOUT 40000")
        self.assertEqual(c.unsettled(), (1, 40000))
        proxy.ask("resume")
        self.assertEqual(c.ask("quit 10000"), "EE_OK")
        self.assertIsNone(c.unsettled())
        self.assertEqual(e.collected(40000), (40000, 40000, True, "39999"))

    def test_an_engine_that_falls_silent_is_noticed_by_heartbeats(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, heartbeat=100)
        proxy.ask("pause")
        c.send("next 30000")
        self.eventually(lambda: int(proxy.ask("stats").split()[1]) >= 3)  # probe, connection, another connection
        proxy.ask("resume")
        e.ask("text down:x")
        self.assertEqual(c.read(), f"EE_OK 1 0 6 {b'down:x'.hex()}")

    def test_the_grace_is_over(self):
        e = self.engine("--grace-ms", 100)
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("refuse")
        proxy.ask("cut")
        self.assertEqual(c.ask("next 20000"), "EE_CLOSED")
        self.assertIn("gone for longer", c.ask("text"))

    def test_timeouts_go_on_while_the_engine_is_away(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("refuse")
        proxy.ask("cut")
        for _ in range(5):
            self.assertEqual(c.ask("next 20"), "EE_TIMEOUT")
        self.assertIn("being made again", c.ask("text"))
        e.ask("publish 10")
        proxy.ask("accept")
        self.assert_took_all(c.take(10, 10000), 10)

    def test_stop_gives_what_is_queued_and_then_closes(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        e.ask("publish 10")
        e.ask("stop")
        self.assert_took_all(c.take(10, 5000), 10)
        self.assertEqual(c.ask("next 5000"), "EE_CLOSED")
        self.assertIn("ending", c.ask("text"))
        self.assertEqual(c.ask("next 5000"), "EE_CLOSED")
        self.assertEqual(c.ask("publish 0 1 5000"), "EE_OK 1")
        self.assertEqual(c.ask("quit 5000"), "EE_OK")
        self.assertTrue(e.ask("wait 5000").startswith("ended"))

    def until_stopping(self, client):
        deadline = time.monotonic() + 60
        while client.ask("stopping") != "1":
            self.assertLess(time.monotonic(), deadline, "it does not see that the application is ending")

    def test_a_source_sees_stop(self):
        e = self.engine("--stop-within-ms", 30000)
        c = self.puppet(e.endpoint)
        self.assertEqual(c.ask("stopping"), "0")
        self.assertEqual(c.ask("publish 0 100 5000"), "EE_OK 100")
        self.assertEqual(c.ask("stopping"), "0")
        e.ask("stop")
        self.until_stopping(c)
        self.assertEqual(c.ask("publish 100 1 5000"), "EE_OK 101")
        self.assertEqual(c.ask("quit 5000"), "EE_OK")
        self.assertEqual(c.ask("stopping"), "1")
        self.assertTrue(e.ask("wait 5000").startswith("ended"))

    def test_stop_stays_on_a_new_connection(self):
        e = self.engine("--stop-within-ms", 30000)
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        e.ask("stop")
        self.until_stopping(c)
        proxy.ask("refuse")
        proxy.ask("cut")
        self.assertEqual(c.ask("publish 0 1 50"), "EE_TIMEOUT 1")
        self.assertEqual(c.ask("stopping"), "1")
        proxy.ask("accept")
        self.assertEqual(c.ask("publish 1 1 10000"), "EE_OK 2")
        self.assertEqual(c.ask("stopping"), "1")

    def test_too_large(self):
        e = self.engine("--max-event-bytes", 1000)
        c = self.puppet(e.endpoint)
        self.assertEqual(c.ask("large 1001 5000"), "EE_REJECTED 0")
        self.assertEqual(c.ask("code"), "too-large")
        self.assertEqual(c.ask("large 1000 5000"), "EE_OK 1")

    def test_an_event_that_looks_like_a_command(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        self.assertEqual(c.ask(f"hex 5000 {b'plugin_command: quit'.hex()}"), "EE_OK 1")
        self.assertEqual(e.ask("other-wait 1 5000"), f"other 1 {b'plugin_command: quit'.hex()}")

    def test_competing_clients_share_the_queue(self):
        e = self.engine("--replicas", 2)
        one, other = self.puppet(e.endpoint), self.puppet(e.endpoint)
        e.send("publish-slowly 2000 4000")
        for client in (one, other):
            client.send("take 2000 1000 random 3")
        first, second = Taken(one.read()), Taken(other.read())
        self.assertEqual(e.read(), "published 2000")
        self.assertEqual(first.taken + second.taken, 2000)
        self.assertGreater(min(first.taken, second.taken), 0)
        self.assertTrue(first.in_order and second.in_order)
        self.assertEqual((one.ask("quit 5000"), other.ask("quit 5000")), ("EE_OK", "EE_OK"))
        self.assertTrue(e.ask("wait 5000").startswith("ended COMPLETED"))

    def test_quit_when_the_port_is_closed_already(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("pause")
        c.send("quit 60000")
        self.eventually(lambda: proxy.ask("stats").split()[3] == "1")
        proxy.ask("refuse")
        proxy.ask("cut")
        self.assertEqual(c.read(within_s=20), "EE_OK", "long before its time is up")

    def test_quit_without_an_answer_times_out_and_can_be_repeated(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint)
        proxy.ask("pause")
        self.assertEqual(c.ask("quit 50"), "EE_TIMEOUT")
        proxy.ask("resume")
        self.assertEqual(c.ask("quit 5000"), "EE_OK")
        self.assertTrue(e.ask("wait 5000").startswith("ended COMPLETED"))

    def test_events_are_acknowledged_by_bytes(self):
        e = self.engine()
        c = self.puppet(e.endpoint)
        e.send("publish 30 1000000")
        self.assert_took_all(c.take(30, 10000), 30)

    def test_waits_for_the_start_of_the_application(self):
        e = self.engine("--wait-for-external-ms", 20000)
        c = self.puppet(e.endpoint)
        e.ask("publish 1")
        self.assert_took_all(c.take(1, 5000), 1)
