"""One nodule at several dates: order, intervals, sentence, and what the chart draws."""

import math
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from densesharp.image.grid import cube_grid
from densesharp.image.volume import Volume
from densesharp.nodule.followup.timeline import (
    HEIGHT,
    WIDTH,
    TimePoint,
    timeline_sentence,
    timeline_svg,
)
from densesharp.nodule.records import Seed, Uncertainty
from nodule_answers import answer

SVG = "{http://www.w3.org/2000/svg}"


def at(day: float, volume: float, sd: float | None = None) -> TimePoint:
    ct = Volume(np.full((40, 40, 40), -850, np.int16), cube_grid((0, 0, 0), 40, 1.0))
    result = answer(ct, Seed((0, 0, 0)), radius_mm=5.0)
    result = replace(result, measurements=replace(result.measurements, volume_mm3=volume))
    if sd is not None:
        zero = dict.fromkeys(result.class_probabilities, 0.0)
        spread = Uncertainty(8, zero, 0.0, 0.0, 0.0, sd, (volume - sd, volume + sd))
        result = replace(result, uncertainty=spread)
    return TimePoint(day, result)


def test_all_volumes_in_their_order_and_the_doubling_time_from_first_to_last():
    points = [at(730, 800.0), at(0, 400.0), at(365, 560.0)]
    text = timeline_sentence(points)
    assert text.startswith("3 CTs over 730 days: 400, 560, 800 mm³; ")
    assert text.endswith("volume doubling time 730 days.") or "unclear" in text
    assert timeline_sentence([at(0, 400.0)]) == ""


def test_two_unchanged_scans_lie_in_each_other_s_intervals_as_often_as_published():
    """95 % limits of 27 % for two scans: of one scan it is that over the root of two."""
    low, high = at(0, 1000.0).interval
    half = 0.27 / math.sqrt(2)
    assert (low, high) == pytest.approx((1000 / (1 + half), 1000 * (1 + half)))


def test_a_wide_spread_of_the_model_widens_the_interval():
    low, high = at(0, 1000.0, sd=200.0).interval
    assert high == pytest.approx(1000 * (1 + 1.96 * 0.2), rel=1e-6)
    assert low < at(0, 1000.0).interval[0]


def test_the_chart_draws_days_and_volumes_to_scale():
    points = [at(100, 400.0), at(200, 500.0), at(500, 900.0)]
    picture = ET.fromstring(timeline_svg(points, "dark"))
    x, y = np.array(
        [[float(c.get("cx")), float(c.get("cy"))] for c in picture.iter(f"{SVG}circle")]
    ).T
    assert (x[1] - x[0]) / (x[2] - x[0]) == pytest.approx(0.25, abs=0.01)
    assert (y[0] - y[1]) / (y[0] - y[2]) == pytest.approx(0.2, abs=0.01)
    assert (x > 0).all()
    assert (x < WIDTH).all()
    words = ["".join(each.itertext()) for each in picture.iter(f"{SVG}text")]
    assert words == ["400 mm³", "day 0", "500 mm³", "day 100", "900 mm³", "day 400"]
    per_mm3 = (y[0] - y[2]) / 500
    for point, bar in zip(points, list(picture.iter(f"{SVG}path"))[1:], strict=True):
        low, high = map(float, re.match(r"M[\d.]+ ([\d.]+)V([\d.]+)", bar.get("d")).groups())
        assert (low - high) / per_mm3 == pytest.approx(np.subtract(*point.interval[::-1]), rel=0.01)
        assert 0 < high < low < HEIGHT


def test_without_two_measured_dates_there_is_no_chart():
    unmeasured = replace(at(5, 300.0).result, measurements=None)
    assert timeline_svg([at(0, 400.0), TimePoint(5, unmeasured)]) == ""


def test_a_day_twice_is_drawn_too():
    assert "day 0" in timeline_svg([at(7, 400.0), at(7, 410.0)])
