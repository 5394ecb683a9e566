"""The picture of a run, for a README or a pull request."""

import struct

from autoscaling_rl.report import backtest_example, compare, write_picture
from tests.training_src.examples import back_test, example
from tests.training_src.pages import cost_card


def test_the_picture_is_a_png_of_the_promised_size(tmp_path):
    found = compare(cost_card())
    for shown in (example(), backtest_example(back_test()), example(30, scale=0.0)):
        write_picture(tmp_path / "picture.png", example=shown, comparison=found, subtitle="made up")
        data = (tmp_path / "picture.png").read_bytes()
        assert data.startswith(b"\x89PNG\r\n\x1a\n")
        assert struct.unpack(">II", data[16:24]) == (1600, 900)
