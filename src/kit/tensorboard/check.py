"""Reads the fixed event file through the real `tensorboard` package (pip install tensorboard pillow), whole and cut short.

    python src/kit/tensorboard/check.py

The unit test `tensorboard::tests::the_bytes_of_a_fixed_file` holds the writer to the bytes of this file; if the writer changes, the test says
where the new bytes are: check them by `python src/kit/tensorboard/check.py FILE`, and put them in the old one's place.
"""

import io
import math
import os
import sys
import tempfile

from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

NAME = "events.out.tfevents.1700000000.host"


def load(path):
    events = EventAccumulator(path, size_guidance={"scalars": 0, "histograms": 0, "images": 0, "tensors": 0})
    events.Reload()
    return events


def pixels(image):
    decoded = Image.open(io.BytesIO(image.encoded_image_string))
    assert decoded.size == (image.width, image.height), decoded.size
    return decoded.mode, [decoded.getpixel((x, y)) for y in range(image.height) for x in range(image.width)]


path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), NAME)
events = load(path)
tags = events.Tags()
assert sorted(tags["scalars"]) == ["loss"], tags
assert sorted(tags["histograms"]) == ["equal", "nothing", "weights/ä"], tags
assert sorted(tags["images"]) == ["colour", "grey"], tags

loss = events.Scalars("loss")
assert [(s.step, s.wall_time) for s in loss] == [(0, 1.7e9 + 0.25), (1, 1.7e9 + 0.5), (300, 1.7e9 + 0.75)]
assert [s.value for s in loss[:2]] == [2.5, 0.125] and math.isnan(loss[2].value)

(weights,) = events.Histograms("weights/ä")
h, numbers = weights.histogram_value, [-1.0, -0.5, 0.0, 0.0, 0.25, 0.5, 2.0, 5.0]
assert (weights.step, h.min, h.max, h.num) == (2, -1.0, 5.0, 8.0), h
assert (h.sum, h.sum_squares) == (sum(numbers), sum(x * x for x in numbers)), h
assert len(h.bucket_limit) == len(h.bucket) == 30 and abs(h.bucket_limit[0] - -0.8) < 1e-12 and h.bucket_limit[-1] == 5.0, h
assert {i: c for i, c in enumerate(h.bucket) if c} == {0: 1, 2: 1, 5: 2, 6: 1, 7: 1, 15: 1, 29: 1}, h
(equal,) = events.Histograms("equal")
assert (equal.histogram_value.bucket_limit, equal.histogram_value.bucket) == ([7.0], [4.0]), equal
(nothing,) = events.Histograms("nothing")
assert nothing.histogram_value.num == 0, nothing

(grey,), (colour,) = events.Images("grey"), events.Images("colour")
assert pixels(grey) == ("L", [0, 51, 102, 153, 204, 255]), pixels(grey)
assert pixels(colour) == ("RGB", [(255, 128, 0), (0, 0, 255)]), pixels(colour)
print(
    "scalars: loss " + ", ".join(f"{s.value} at {s.step}" for s in loss)
    + f"; histogram: {h.num:.0f} numbers in {len(h.bucket)} buckets; images: 2 x 3 grey, 1 x 2 colour"
)

# What a killed run leaves: cut at each byte, the file gives the whole records before the cut.
whole = open(path, "rb").read()
ends, at = [], 0
while at < len(whole):
    at += 16 + int.from_bytes(whole[at : at + 8], "little")
    ends.append(at)
assert len(ends) == 9 and ends[-1] == len(whole)
with tempfile.TemporaryDirectory() as folder:
    for cut in range(ends[0], len(whole)):
        short = os.path.join(folder, NAME)
        with open(short, "wb") as file:
            file.write(whole[:cut])
        events = load(short)
        found = sum(len(events.Scalars(t)) for t in events.Tags()["scalars"])
        found += sum(len(events.Histograms(t)) for t in events.Tags()["histograms"])
        found += sum(len(events.Images(t)) for t in events.Tags()["images"])
        assert found == sum(end <= cut for end in ends) - 1, (cut, found)
print("cut anywhere: no error, and all records that are whole")
