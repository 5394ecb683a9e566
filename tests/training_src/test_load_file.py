from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autoscaling_rl.errors import UserError
from autoscaling_rl.load.file import read_load

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 2


def lines(interval=60, requests=None, days=DAYS):
    count = days * 1440 // interval
    requests = range(count) if requests is None else requests
    times = (START + timedelta(minutes=interval * place) for place in range(count))
    rows = (f"{time:%Y-%m-%dT%H:%M:%SZ},{each}" for time, each in zip(times, requests, strict=True))
    return ["timestamp,requests", *rows]


def write(tmp_path, rows, newline="\n"):
    path = tmp_path / "load.csv"
    path.write_bytes(newline.join(rows).encode() + newline.encode())
    return path


def test_rates_are_linear_between_the_middles_and_flat_at_both_ends(tmp_path):
    load = read_load(write(tmp_path, lines(30, [30 * (place % 2) for place in range(96)])))
    assert load.start == START
    assert load.interval_minutes == 30
    assert load.gaps == ()
    assert load.minute_rates.dtype == np.float64
    assert len(load.minute_rates) == DAYS * 1440
    middle_of_minute = np.arange(DAYS * 1440) + 0.5
    zigzag = np.abs((middle_of_minute - 15) % 60 / 30)
    expected = np.where(zigzag > 1, 2 - zigzag, zigzag)
    expected[:15], expected[-15:] = 0, 1
    assert load.minute_rates == pytest.approx(expected)


def test_hold_repeats_the_rate_of_an_interval(tmp_path):
    load = read_load(write(tmp_path, lines(60)), bins="hold")
    assert load.minute_rates == pytest.approx(np.repeat(np.arange(48) / 60, 60))


@pytest.mark.parametrize("bins", ["interpolate", "hold"])
def test_one_minute_counts_stay_as_they_are(tmp_path, bins):
    load = read_load(write(tmp_path, lines(1)), bins=bins)
    assert load.minute_rates.tolist() == list(range(DAYS * 1440))


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: ["\ufeff" + rows[0], *rows[1:]],
        lambda rows: [*rows, "", "  "],
        lambda rows: [row.replace("Z", "+00:00") for row in rows],
        lambda rows: [row.replace("Z", "") for row in rows],
        lambda rows: [row.replace("T", " ").replace(":00Z", "Z") for row in rows],
        lambda rows: [row.replace(",", " , ") for row in rows],
        lambda rows: [f'"{row}"'.replace(",", '","') for row in rows],
    ],
    ids=["BOM", "blank end", "+00:00", "no zone", "space", "spaces", "quotes"],
)
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_ways_to_write_the_same(tmp_path, change, newline):
    rows = lines()
    expected = read_load(write(tmp_path, rows))
    load = read_load(write(tmp_path, change(rows), newline))
    assert load.start == expected.start
    assert load.minute_rates.tolist() == expected.minute_rates.tolist()


def test_an_offset_is_converted(tmp_path):
    rows = [row.replace("Z", "+02:00") for row in lines()]
    assert read_load(write(tmp_path, rows)).start == START - timedelta(hours=2)


def test_gaps_up_to_an_hour_are_interpolated_and_reported(tmp_path):
    rows = lines(20, requests=range(0, 2880, 20))
    del rows[5:8]
    load = read_load(write(tmp_path, rows))
    whole = read_load(write(tmp_path, lines(20, requests=range(0, 2880, 20))))
    assert load.minute_rates == pytest.approx(whole.minute_rates)
    (gap,) = load.gaps
    assert (gap.line, gap.minutes) == (6, 60)
    assert str(gap) == "line 6: 60 minutes from 2024-01-01T01:20:00+00:00 are missing"


def edit(line, text):
    return lambda rows: rows[: line - 1] + ([] if text is None else [text]) + rows[line:]


@pytest.mark.parametrize(
    ("change", "line", "words"),
    [
        (lambda rows: rows[1:], 1, "header"),
        (lambda rows: ["time,count", *rows[1:]], 1, "timestamp,requests"),
        (lambda rows: rows[:1], 1, "two days"),
        (lambda rows: rows[:2], 2, "two days"),
        (lambda rows: rows[:-1], 48, "ends after 47 hours and 0 minutes"),
        (edit(7, ""), 7, "blank"),
        (edit(7, "2024-01-01T05:00:00Z,-1"), 7, "negative"),
        (edit(7, "2024-01-01T05:00:00Z,nan"), 7, "not a number"),
        (edit(7, "2024-01-01T05:00:00Z,inf"), 7, "not a number"),
        (edit(7, "2024-01-01T05:00:00Z,1_0"), 7, "not a number"),
        (edit(7, "2024-01-01T05:00:00Z,"), 7, "not a number"),
        (edit(7, "2024-01-01T05:00:00Z,many"), 7, "not a number"),
        (edit(7, "2024-01-01T05:00:00Z,1e300"), 7, "larger unit"),
        (edit(7, "2024-01-01T05:00:00Z"), 7, "1 fields instead of 2"),
        (edit(7, "2024-01-01T05:00:00Z,1,2"), 7, "3 fields instead of 2"),
        (edit(7, "1704085200,1"), 7, "ISO 8601"),
        (edit(7, "01/01/2024 05:00,1"), 7, "ISO 8601"),
        (edit(7, "0001-01-01T00:00:00+10:00,1"), 7, "ISO 8601"),
        (edit(7, "2024-01-01T05:00:30Z,1"), 7, "whole minute"),
        (edit(7, "2024-01-01T04:00:00Z,1"), 7, "duplicate"),
        (edit(7, "2024-01-01T03:30:00Z,1"), 7, "earlier"),
        (edit(7, "2024-01-01T05:10:00Z,1"), 7, "70 minutes after the line before"),
        (lambda rows: rows[:6] + rows[8:], 7, "120 minutes are missing"),
        (edit(7, '"2024-01-01T05:00:00Z'), 49, "not CSV"),
    ],
)
def test_what_is_refused_with_its_line(tmp_path, change, line, words):
    rows = lines(days=3) if words == "120 minutes are missing" else lines()
    path = write(tmp_path, change(rows))
    with pytest.raises(UserError) as caught:
        read_load(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: line {line}: ")
    assert words in text
    assert "\n" not in text


def test_intervals_of_seconds_are_refused(tmp_path):
    rows = [f"{START + timedelta(seconds=30 * place)},1" for place in range(6000)]
    with pytest.raises(UserError, match=r"line 3: .* summing requests"):
        read_load(write(tmp_path, ["timestamp,requests", *rows]))


def test_intervals_of_weeks_and_spans_of_decades_are_refused(tmp_path):
    weeks = [f"{START + timedelta(days=7 * place)},1" for place in range(9)]
    with pytest.raises(UserError, match="a day or shorter"):
        read_load(write(tmp_path, ["timestamp,requests", *weeks]))
    days = [f"{START + timedelta(days=place)},1" for place in range(5000)]
    with pytest.raises(UserError, match="ten years"):
        read_load(write(tmp_path, ["timestamp,requests", *days]))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "line 1: the file is empty"),
        (b"timestamp,requests\n\xff\xfe", "line 2: this is not UTF-8"),
        ("timestamp,requests\n".encode("utf-16"), "line 1: this is not UTF-8"),
    ],
)
def test_what_is_not_text(tmp_path, data, words):
    path = tmp_path / "load.csv"
    path.write_bytes(data)
    with pytest.raises(UserError, match=words):
        read_load(path)


def test_a_file_that_cannot_be_read(tmp_path):
    for path in (tmp_path / "missing.csv", tmp_path):
        with pytest.raises(UserError, match=r"cannot be read .*: check the path"):
            read_load(path)


# Rows that are nearly right find more than characters at random.
cells = st.one_of(
    st.floats(allow_nan=True).map(str), st.integers(-1, 10**18).map(str), st.text(max_size=8)
)
minutes = st.sampled_from((0, 0, 0, 0, 0, 60, -60, 120, 7))
edits = st.tuples(st.integers(0, 47), minutes, cells, st.one_of(st.none(), st.text(max_size=30)))


@st.composite
def texts(draw):
    rows = lines(days=DAYS + 1)[: draw(st.sampled_from((4, 49, 50, 51)))]
    for place, late, cell, text in draw(st.lists(edits, max_size=3)):
        time = START + timedelta(minutes=60 * place + late)
        rows[min(place + 1, len(rows) - 1)] = f"{time},{cell}" if text is None else text
    return draw(st.sampled_from(("\n", "\r\n", "\r"))).join(rows)


@given(st.one_of(st.text(), texts()), st.sampled_from(("interpolate", "hold")))
def test_any_text_is_a_load_or_a_mistake_of_the_user(tmp_path_factory, text, bins):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        load = read_load(path, bins=bins)
    except UserError as error:
        message = str(error)
    else:
        message = None
        assert np.isfinite(load.minute_rates).all()
        assert (load.minute_rates >= 0).all()
        assert len(load.minute_rates) >= 2880
        assert sum(gap.minutes for gap in load.gaps) < len(load.minute_rates)
    assert message is None or "line" in message
    assert message is None or len(message.splitlines()) == 1
