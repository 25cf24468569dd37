"""The basic profile: with this project's engine, and with the ancestor's, which has no other."""

from peers import Case


class Basic(Case):
    def test_reserved_events_are_rejected_here(self):
        e = self.engine()
        c = self.puppet(e.endpoint, profile="basic")
        self.assertEqual(c.ask(f"hex 1000 {b'plugin_command: quit'.hex()}"), "EE_REJECTED 0")
        self.assertEqual(c.ask("code"), "bad-command")
        self.assertEqual(c.ask("hex 1000 00"), "EE_OK 1")

    def test_an_event_that_the_engine_refuses(self):
        e = self.engine("--max-event-bytes", 1000)
        c = self.puppet(e.endpoint, profile="basic")
        self.assertEqual(c.ask("large 1001 5000"), "EE_REJECTED 1")
        self.assertEqual(c.ask("code"), "bad-msg")
        self.assertEqual(c.ask("large 1000 5000"), "EE_OK 2")
        self.assertIsNone(c.unsettled())

    def test_an_owed_event_comes_over_the_next_connection(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, profile="basic")
        self.assertEqual(c.ask("next 10"), "EE_TIMEOUT")
        proxy.ask("cut")
        self.assertEqual(c.ask("next 10"), "EE_TIMEOUT")
        e.ask("publish 5")
        self.assert_took_all(c.take(5, 10000), 5)

    def test_a_publish_whose_outcome_is_unknown(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, profile="basic")
        self.assertEqual(c.ask("hex 5000 00"), "EE_OK 1")
        proxy.ask("pause")
        self.assertEqual(c.ask("hex 50 01"), "EE_TIMEOUT 2")
        self.assertEqual(c.unsettled(), (2, 2))
        c.send("hex 20000 02")
        self.eventually(lambda: proxy.ask("cut") != "cut 0")
        proxy.ask("resume")
        self.assertEqual(c.read().split()[0], "EE_TRANSPORT")
        self.assertIn("unknown", c.ask("text"))
        self.assertEqual(c.unsettled()[0], 2)
        self.assertEqual(c.ask("hex 5000 03").split()[0], "EE_OK")
        self.assertIsNone(c.unsettled())

    def test_a_publish_that_found_no_connection_in_time_was_not_taken(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, profile="basic")
        proxy.ask("pause")
        self.assertEqual(c.ask("hex 20 01"), "EE_TIMEOUT 0")
        self.assertIn("nothing was published", c.ask("text"))
        proxy.ask("resume")
        self.assertEqual(c.ask("hex 5000 02"), "EE_OK 1")
        self.assertEqual(e.ask("other-wait 1 1000"), "other 1 02")

    def test_quit_with_an_unanswered_publish(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, profile="basic")
        self.assertEqual(c.ask("hex 5000 00"), "EE_OK 1")
        proxy.ask("pause")
        self.assertEqual(c.ask("hex 20 01"), "EE_TIMEOUT 2")
        self.assertEqual(c.ask("quit 50"), "EE_TRANSPORT", "quit is said all the same")
        self.assertEqual(c.unsettled(), (2, 2))
        self.assertEqual(c.ask("quit 50"), "EE_OK")

    def test_quit_settles_a_publish_that_timed_out(self):
        e = self.engine()
        proxy = self.proxy(e)
        c = self.puppet(proxy.endpoint, profile="basic")
        self.assertEqual(c.ask("hex 5000 00"), "EE_OK 1")
        proxy.ask("pause")
        self.assertEqual(c.ask("hex 20 01"), "EE_TIMEOUT 2")
        proxy.ask("resume")
        self.assertEqual(c.ask("quit 5000"), "EE_OK")
        self.assertTrue(e.ask("wait 5000").startswith("ended COMPLETED"))
        self.assertEqual(e.ask("other-wait 2 1000"), "other 2 00 01")

    def test_an_engine_that_is_gone_for_good(self):
        e = self.engine()
        c = self.puppet(e.endpoint, profile="basic", timeout=100)
        e.kill()
        self.assertEqual(c.ask("next 20000"), "EE_CLOSED")
        self.assertIn("nobody is listening", c.ask("text"))
        self.assertEqual(c.ask("quit 5000"), "EE_OK", "a closed port is a plugin that has ended")


class Ancestor(Case):
    def setUp(self):
        self.e = self.ancestor()
        self.c = self.puppet(self.e.endpoint)
        # Its subscriptions come into force some time after its start: until then events are lost.
        number = 0
        while not self.e.ask("collected-wait 1 50").startswith("collected 1 "):
            self.assertEqual(self.c.ask(f"publish {number} 1 5000").split()[0], "EE_OK")
            self.assertLess(number := number + 1, 100)

    def test_auto_takes_basic(self):
        self.assertEqual(self.c.ask("profile"), "2")

    def test_session_is_refused_here(self):
        c = self.puppet()
        self.assertEqual(c.connect(self.e.endpoint, profile="session"), "EE_PROTOCOL")
        self.assertIn("has no sessions", c.ask("text"))

    def test_timeouts_lose_nothing_and_publish_nothing(self):
        self.e.send("publish-slowly 1500 500")
        taken = self.c.take(1500, 5000, "random", 5)
        self.assertEqual((taken.status, taken.taken, taken.in_order), ("EE_OK", 1500, True), taken.line)
        self.assertEqual(self.e.read(), "published 1500")
        self.assertEqual(self.e.ask("other"), "other 0")

    def test_publish_beside_an_owed_event_is_answered_after_it(self):
        self.assertEqual(self.c.ask("next 20"), "EE_TIMEOUT")
        self.assertEqual(self.c.ask("publish 1000 1 50").split()[0], "EE_TIMEOUT")
        self.e.ask("text down:x")
        self.assertEqual(self.c.ask("next 5000").split()[0], "EE_OK")
        self.assertEqual(self.c.ask("publish 1001 1 5000").split()[0], "EE_OK")
        self.assertIsNone(self.c.unsettled())

    def test_a_batch_and_quit(self):
        before = int(self.e.ask("collected").split()[1])
        self.assertEqual(self.c.ask("batch 5000 100 5000").split()[0], "EE_OK")
        self.assertEqual(self.e.collected(before + 100)[0], before + 100)
        self.assertEqual(self.c.ask("quit 5000"), "EE_OK")
        self.assertTrue(self.e.ask("wait 5000").startswith("ended COMPLETED"))
        self.assertEqual(self.e.ask("other"), "other 0")
