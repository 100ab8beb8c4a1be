"""`python3 -m unittest test_plugin`: natively, in a moment, no WebAssembly. `lagdoctor plugin build` writes `wit_world/` before."""

import math
import unittest

from componentize_py_types import Err
from plugin import Scoring, judge


class RetriesThatRise(unittest.TestCase):
    def test_are_told_with_the_moment_they_began(self):
        found = judge([0.5] * 80 + [9.0] * 40, 1.0)
        self.assertGreater(found["score"], 0.9)
        self.assertEqual(found["since"], 80)


class RetriesAsAlways(unittest.TestCase):
    def test_are_ruled_out(self):
        self.assertEqual(judge([0.5, 0.6, 0.4] * 40, 1.0)["score"], 0.0)

    def test_without_readings_nothing_is_said(self):
        self.assertIsNone(judge([math.nan] * 120, 1.0))
        self.assertIsNone(judge([], 1.0))

    def test_the_largest_numbers_there_are_do_no_harm(self):
        self.assertIsNone(judge([-1.7e308] * 80 + [1.7e308] * 40, 1.0))


class WhatGoesWrong(unittest.TestCase):
    def test_is_an_error_that_says_so(self):
        with self.assertRaises(Err) as raised:
            Scoring().score(None)
        self.assertEqual(raised.exception.value.code, "internal")
        self.assertIn("AttributeError", raised.exception.value.message)


if __name__ == "__main__":
    unittest.main()
