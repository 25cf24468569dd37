"""The timeline as a picture: when each image passed each stage, and what that took. SVG by hand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from record import Row, Sample

# From one stage to the next: what an image does meanwhile, and its colour.
SPANS = (
    ("waits for the detector", "#4c78a8"),
    ("is looked at", "#72b7b2"),
    ("waits for its score", "#eeca3b"),
    ("is stored or deleted", "#54a24b"),
)
AGAIN = "#d62728"
MEMORY, CPU = "#b7a6d9", "#3b3561"
INK, FAINT, GRID = "#22252a", "#6b7178", "#e4e7eb"

WIDTH, HEIGHT = 1200, 760
LEFT, RIGHT = 80, 870  # of both panels
FLOW_TOP, FLOW_BOTTOM = 90, 500
USE_TOP, USE_BOTTOM = 560, 700
LEGEND = 940
SPAN_NS = 100_000_000  # the system counts processor time in steps of 10 ms

Point = tuple[float, float]


@dataclass(frozen=True)
class Scale:
    """Maps values to pixels, 0 to `first` and `most` to `last`."""

    most: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        """Return where `value` is."""
        return self.first + value / self.most * (self.last - self.first)

    def ticks(self, about: int) -> Iterator[float]:
        """Yield round values from 0 on, `about` as many."""
        step = round_step(self.most / about)
        number = 0
        while number * step <= self.most * 1.0001:
            yield number * step
            number += 1


def round_step(least: float) -> float:
    """Return the smallest of 1, 2, 5, 10, 20, … (or 0.5, 0.2, …) that is at least `least`."""
    power = 1.0
    while power < least:
        power *= 10
    while power / 10 >= least:
        power /= 10
    return next(step for step in (power / 5, power / 2, power) if step >= least * 0.9999)


def draw(
    rows: Mapping[int, Row], samples: Sequence[Sample], again: Iterable[Point], title: str
) -> str:
    """Return the SVG. `again` are (time in ns, image) of scores that came once more."""
    complete = [(number, row) for number, row in sorted(rows.items()) if 0 not in row.times()]
    if not complete:
        return _document(title, [_text(LEFT, FLOW_TOP, "No image passed every stage.")])
    start = min(row.taken_ns for _, row in complete)
    seconds = (max(row.done_ns for _, row in complete) - start) / 1e9
    time = Scale(max(seconds, 1e-3), LEFT, RIGHT)
    image = Scale(max(number for number, _ in complete) + 1, FLOW_BOTTOM, FLOW_TOP)

    def at(ns: float) -> float:
        return min(max(time((ns - start) / 1e9), LEFT), RIGHT)

    parts = _axes(time, image, FLOW_TOP, FLOW_BOTTOM, "image", "{:,.0f}")
    for span, (name, colour) in enumerate(SPANS):
        begins = [(at(row.times()[span]), image(number)) for number, row in complete]
        ends = [(at(row.times()[span + 1]), image(number)) for number, row in complete]
        parts.append(_area(begins + ends[::-1], colour, name))
    marks = [(at(ns), image(number)) for ns, number in again]
    parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{AGAIN}"/>' for x, y in marks]
    parts += _legend([row for _, row in complete], len(marks))
    parts += _use(samples, start, time)
    return _document(title, parts)


def spans(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Return pairs of samples so far apart that processor time means something."""
    pairs = []
    before = samples[0]
    for sample in samples[1:]:
        if sample.at_ns - before.at_ns >= SPAN_NS:
            pairs.append((before, sample))
            before = sample
    return pairs


def _use(samples: Sequence[Sample], start: int, time: Scale) -> list[str]:
    """Return the lower panel: memory as an area, processors as steps between the samples."""
    points = [sample for sample in samples if 0 <= sample.at_ns - start <= time.most * 1e9]
    if len(points) < 2:
        return []
    megabytes = Scale(max(sample.rss_bytes for sample in points) / 1e6, USE_BOTTOM, USE_TOP)
    pairs = spans(points)
    used = [(b.cpu_ms - a.cpu_ms) / max((b.at_ns - a.at_ns) / 1e6, 1e-3) for a, b in pairs]
    processors = Scale(max([*used, 1.0]), USE_BOTTOM, USE_TOP)

    def x(sample: Sample) -> float:
        return time((sample.at_ns - start) / 1e9)

    parts = _axes(time, megabytes, USE_TOP, USE_BOTTOM, "memory, MB", "{:,.0f}", about=4)
    outline = [(x(sample), megabytes(sample.rss_bytes / 1e6)) for sample in points]
    ends = [(outline[-1][0], USE_BOTTOM), (outline[0][0], USE_BOTTOM)]
    parts.append(_area([*outline, *ends], MEMORY, "memory"))
    steps = []
    for (a, b), cores in zip(pairs, used):
        steps += [(x(a), processors(cores)), (x(b), processors(cores))]
    parts.append(
        f'<polyline points="{_points(steps)}" fill="none" stroke="{CPU}" stroke-width="1.5"/>'
    )
    for tick in processors.ticks(3):
        parts.append(_text(RIGHT + 8, processors(tick) + 4, f"{tick:g}", colour=CPU))
    parts.append(_text(RIGHT + 8, USE_TOP - 12, "processors", colour=CPU))
    parts += _swatch(USE_TOP + 40, MEMORY, "memory of engine and plugins")
    parts += _swatch(USE_TOP + 64, CPU, "processors in use")
    parts.append(
        _text((LEFT + RIGHT) / 2, USE_BOTTOM + 42, "seconds since the first image", anchor="middle")
    )
    return parts


def _axes(
    time: Scale, up: Scale, top: float, bottom: float, label: str, form: str, about: int = 8
) -> list[str]:
    """Return grid and numbers of a panel."""
    parts = []
    for tick in time.ticks(10):
        parts.append(_line(time(tick), top, time(tick), bottom))
        parts.append(_text(time(tick), bottom + 20, f"{tick:g}", anchor="middle", colour=FAINT))
    for tick in up.ticks(about):
        parts.append(_line(LEFT, up(tick), RIGHT, up(tick)))
        parts.append(_text(LEFT - 8, up(tick) + 4, form.format(tick), anchor="end", colour=FAINT))
    parts.append(_text(LEFT, top - 12, label, colour=FAINT))
    return parts


def _legend(rows: Sequence[Row], marks: int) -> list[str]:
    """Return what the colours mean, and how long it took."""
    parts = [_text(LEGEND, FLOW_TOP - 12, "Each image is a horizontal line. It …", colour=FAINT)]
    y = FLOW_TOP + 18.0
    for span, (name, colour) in enumerate(SPANS):
        took = sorted(row.times()[span + 1] - row.times()[span] for row in rows)
        middle, most, longest = (took[int((len(took) - 1) * part)] for part in (0.5, 0.99, 1))
        parts += _swatch(y, colour, name)
        figures = (
            f"median {_duration(middle)}, 99 % {_duration(most)}, longest {_duration(longest)}"
        )
        parts.append(_text(LEGEND, y + 18, figures, colour=FAINT, size=11))
        y += 52
    if marks:
        parts.append(f'<circle cx="{LEGEND + 7}" cy="{y - 5}" r="4" fill="{AGAIN}"/>')
        parts.append(_text(LEGEND + 22, y, f"scored twice ({marks}), counted once"))
    return parts


def _duration(ns: float) -> str:
    if ns >= 1e9:
        return f"{ns / 1e9:.1f} s"
    if ns >= 1e7:
        return f"{ns / 1e6:.0f} ms"
    return f"{ns / 1e6:.1f} ms" if ns >= 1e6 else f"{ns / 1e3:.0f} µs"


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in points)


def _area(points: Iterable[Point], colour: str, name: str) -> str:
    title = f"<title>{escape(name)}</title>"
    return f'<polygon points="{_points(points)}" fill="{colour}">{title}</polygon>'


def _line(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{GRID}"/>'


def _swatch(y: float, colour: str, name: str) -> list[str]:
    box = f'<rect x="{LEGEND}" y="{y - 12}" width="14" height="14" rx="2" fill="{colour}"/>'
    return [box, _text(LEGEND + 22, y, name)]


def _text(
    x: float, y: float, text: str, anchor: str = "start", colour: str = INK, size: int = 13
) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _document(title: str, parts: Iterable[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="Helvetica, Arial, sans-serif">'
    )
    paper = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>'
    heading = _text(LEFT, 44, title, size=20)
    return "\n".join([head, paper, heading, *parts, "</svg>", ""])
