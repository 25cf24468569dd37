"""The pure parts of the timeline monitor, and the scenes. Run by ../run-tests.sh."""

import csv
import io
import json
import struct
import unittest
import xml.etree.ElementTree as ElementTree

import chart
import table
from event_engine import envelope
from picture import Camera
from record import Record, Row, Sample
from scene import RADIUS_MIN, WIDTHS, scene
from trail_camera_pb2 import Animal, Detected, Scored

SVG = "{http://www.w3.org/2000/svg}"
S = 1_000_000_000  # so many nanoseconds are a second


def decoded(number: int, taken: int) -> bytes:
    return struct.pack(">2sIQQIII", b"DC", number, taken, taken + S, 4, 3, 24)


def detected(number: int, at: int) -> bytes:
    return b"DT" + Detected(id=number, at_ns=at, animals=[Animal(area=9)]).SerializeToString()


def scored(number: int, at: int, score: int = 500) -> bytes:
    return b"SC" + Scored(id=number, at_ns=at, score=score).SerializeToString()


def stored(number: int, at: int, prefix: bytes = b"SD") -> bytes:
    return prefix + json.dumps({"id": number, "score": 500, "at_ns": at}).encode()


def summary(images: int) -> bytes:
    data = json.dumps({"images": images, "seed": 1, "bytes": 24 * images}).encode()
    return envelope.seal(b"SU", envelope.Envelope("1", "/generator", "summary", data))


def one_picture() -> Record:
    record = Record()
    for event in (decoded(0, S), detected(0, 3 * S), scored(0, 4 * S), stored(0, 5 * S)):
        record.take(event)
    return record


class RecordTest(unittest.TestCase):
    def test_a_picture_passes_every_stage(self) -> None:
        record = one_picture()
        record.take(summary(1))
        record.finish()
        self.assertEqual(record.problems, [])
        self.assertEqual(record.rows[0].times(), (S, 2 * S, 3 * S, 4 * S, 5 * S))
        result = record.result()
        self.assertEqual((result["stored"], result["deleted"], result["animals"]), (1, 0, 1))

    def test_what_comes_twice_counts_once(self) -> None:
        record = one_picture()
        before = record.result()
        record.take(scored(0, 9 * S))
        record.take(stored(0, 9 * S))
        self.assertEqual(record.result(), before)
        self.assertEqual(record.repeated, {"scored": 1, "done": 1})
        self.assertEqual(record.scored_again, [(9 * S, 0)])
        self.assertEqual(record.rows[0].scored_times, 2)
        self.assertEqual(record.problems, [])

    def test_what_contradicts_is_a_problem(self) -> None:
        for event in (scored(0, 9 * S, 501), stored(0, 9 * S, b"DD"), b"??"):
            record = one_picture()
            record.take(event)
            self.assertEqual(len(record.problems), 1, event)

    def test_what_is_missing_is_a_problem(self) -> None:
        record = one_picture()
        record.finish()
        self.assertEqual(record.problems, ["the camera's summary did not come"])
        record = one_picture()
        record.take(summary(2))
        record.take(detected(1, S))
        record.finish()
        self.assertIn("picture 1 did not pass every stage", record.problems[0])


class TableTest(unittest.TestCase):
    def test_one_row_for_each_picture(self) -> None:
        out = io.StringIO()
        table.write({7: Row(taken_ns=3 * S), 2: Row(4, 3, 24, S, 2 * S, outcome="stored")}, out)
        first, second = csv.DictReader(io.StringIO(out.getvalue()))
        self.assertEqual(
            (first["id"], first["taken_ms"], first["decoded_ms"]), ("2", "0.000", "1000.000")
        )
        self.assertEqual(
            (first["bytes"], first["scored_ms"], first["outcome"]), ("24", "", "stored")
        )
        self.assertEqual((second["id"], second["taken_ms"]), ("7", "2000.000"))


class ChartTest(unittest.TestCase):
    def test_it_is_a_picture_whatever_is_known(self) -> None:
        rows = one_picture().rows
        samples = [Sample(number * S, number * 1500, 1_000_000) for number in range(1, 6)]
        for some_rows, some_samples in (({}, []), (rows, []), (rows, samples[:1]), (rows, samples)):
            svg = chart.draw(some_rows, some_samples, [(4 * S, 0)], "1 < 2 & 3")
            texts = [text.text for text in ElementTree.fromstring(svg).iter(SVG + "text")]
            self.assertEqual(texts[0], "1 < 2 & 3")

    def test_ticks_are_round(self) -> None:
        for least, step in ((1, 1), (1.1, 2), (3, 5), (5.1, 10), (0.03, 0.05), (240, 500)):
            self.assertAlmostEqual(chart.round_step(least), step)
        self.assertEqual(list(chart.Scale(10, 0, 100).ticks(5)), [0, 2, 4, 6, 8, 10])

    def test_processor_time_is_not_divided_by_an_instant(self) -> None:
        samples = [Sample(at * S // 1000, 0, 0) for at in (0, 10, 99, 100, 150, 250)]
        at = [(before.at_ns, after.at_ns) for before, after in chart.spans(samples)]
        self.assertEqual(at, [(0, S // 10), (S // 10, S // 4)])


class SceneTest(unittest.TestCase):
    def test_animals_are_whole_and_apart(self) -> None:
        for number in range(300):
            view = scene(20, number)
            self.assertIn(view.width, WIDTHS)
            boxes = []
            for animal in view.animals:
                self.assertGreaterEqual(animal.radius, RADIUS_MIN)
                left, right = animal.left - animal.radius, animal.left + animal.radius
                top, bottom = animal.top - animal.radius, animal.top + animal.radius
                self.assertTrue(
                    left > 0 and top > 0 and right < view.width and bottom < view.height
                )
                boxes.append((left, right, top, bottom))
            for one in boxes:
                for other in boxes:
                    apart = one[1] + 1 < other[0] or other[1] + 1 < one[0]
                    apart |= one[3] + 1 < other[2] or other[3] + 1 < one[2]
                    self.assertTrue(one is other or apart, f"picture {number}")

    def test_bright_pixels_are_the_animals(self) -> None:
        camera = Camera(20)
        for number in range(20):
            view = scene(20, number)
            header = b"P5\n%d %d\n255\n" % (view.width, view.height)
            file = camera.take(view)
            self.assertTrue(file.startswith(header))
            pixels = file[len(header) :]
            self.assertEqual(len(pixels), view.width * view.height)
            self.assertEqual(sum(p >= 100 for p in pixels), sum(a.area for a in view.animals))


if __name__ == "__main__":
    unittest.main()
