"""What both profiles do alike, with this project's engine."""

from peers import Case


class BothProfiles:
    profile = ""

    def setUp(self):
        self.e = self.engine()
        self.c = self.puppet(self.e.endpoint, profile=self.profile)

    def test_events_and_publishes(self):
        self.e.ask("publish 1000 100")
        self.assert_took_all(self.c.take(1000, 5000), 1000)
        self.assertEqual(self.c.ask("publish 0 100 5000"), "EE_OK 100")
        self.assertEqual(self.c.ask("batch 100 900 5000"), "EE_OK 1000")
        self.assertEqual(self.e.collected(1000), (1000, 1000, True, "999"))
        self.assertIsNone(self.c.unsettled())

    def test_any_bytes_arrive_whole(self):
        for digits in ("646f776e3a", "646f776e3a00ff0a0000", "646f776e3a" + "00" * 59):
            self.e.ask(f"hex {digits}")
            self.assertEqual(self.c.ask("next 5000").split()[4], digits)
        for digits in ("", "00", "00ff0a00"):
            self.assertEqual(self.c.ask(f"hex 5000 {digits}").split()[0], "EE_OK")
        self.assertEqual(self.e.ask("other-wait 3 5000"), "other 3 - 00 00ff0a00")

    def test_large_events(self):
        self.e.ask("publish 3 3000000")
        self.assert_took_all(self.c.take(3, 10000), 3)
        self.assertEqual(self.c.ask("large 20000000 10000").split()[0], "EE_OK")
        self.assertEqual(self.c.ask("batch 0 5 10000 1000000").split()[0], "EE_OK")
        self.assertEqual(self.e.collected(5), (5, 5, True, "4"))

    def test_timeouts_and_interrupts_at_random_moments_lose_nothing(self):
        self.e.send("publish-slowly 10000 5000")
        taken = self.c.take(10000, 10000, "random", 7)
        self.assert_took_all(taken, 10000)
        self.assertGreater(taken.timeouts, 100)

    def test_a_timeout_waits_as_long_as_it_says_and_keeps_the_event(self):
        self.assertEqual(self.c.ask("next 0"), "EE_TIMEOUT")
        self.assertEqual(self.c.ask("next 30"), "EE_TIMEOUT")
        self.e.ask("text down:late")
        self.assertEqual(self.c.ask("next 5000").split()[4], b"down:late".hex())

    def test_an_interrupt_ends_the_wait(self):
        self.c.ask("interrupt-soon")
        self.assertEqual(self.c.ask("next -1"), "EE_TIMEOUT")
        self.assertIn("interrupted", self.c.ask("text"))

    def test_publish_beside_an_owed_event(self):
        self.assertEqual(self.c.ask("next 10"), "EE_TIMEOUT")
        self.assertEqual(self.c.ask("publish 0 10 5000"), "EE_OK 10")
        self.e.ask("text down:x")
        self.assertEqual(self.c.ask("next 5000").split()[0], "EE_OK")

    def test_quit_ends_the_plugin(self):
        self.e.ask("publish 10")
        self.c.take(10, 5000)
        self.assertEqual(self.c.ask("quit 5000"), "EE_OK")
        self.assertTrue(self.e.ask("wait 5000").startswith("ended COMPLETED"))
        self.assertEqual(self.c.ask("quit 5000"), "EE_OK")
        for call in ("next 0", "publish 0 1 0", "batch 0 1 0"):
            self.assertEqual(self.c.ask(call).split()[0], "EE_CLOSED")
        self.assertIn("quit", self.c.ask("text"))
        self.assertTrue(self.e.ledger()["balances"])

    def test_quit_with_an_owed_event(self):
        self.assertEqual(self.c.ask("next 10"), "EE_TIMEOUT")
        self.assertEqual(self.c.ask("quit 5000"), "EE_OK")
        self.assertTrue(self.e.ask("wait 5000").startswith("ended COMPLETED"))

    def test_the_process_may_end_at_once_after_publish(self):
        self.assertEqual(self.c.ask("batch 0 1000 5000"), "EE_OK 1000")
        self.c.kill()
        self.assertEqual(self.e.collected(1000), (1000, 1000, True, "999"))

    def test_close_leaves_the_plugin_waiting(self):
        self.e.ask("publish 2")
        self.c.take(1, 5000)
        self.assertEqual(self.c.ask("close"), "EE_OK")
        self.assertEqual(self.e.ask("wait 100"), "running")
        self.assertEqual(self.c.connect(self.e.endpoint, profile=self.profile), "EE_OK")
        self.assertEqual(self.c.ask("next 5000").split()[0], "EE_OK")

    def test_the_engine_comes_later_than_the_client(self):
        late = self.puppet()
        port = self.e.port
        self.e.kill()
        late.send(f"connect tcp://127.0.0.1:{port} profile={self.profile}")
        self.engine("--port", port)
        self.assertEqual(late.read(), "EE_OK")


class Session(BothProfiles, Case):
    profile = "session"


class Basic(BothProfiles, Case):
    profile = "basic"
