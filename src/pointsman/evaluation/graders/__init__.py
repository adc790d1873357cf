"""Graders: one file each, none imports another. What they share stands in ``evaluation/grading_*.py``.

A grader is a small object with a ``name``, a ``version`` and a pure ``grade(case, answer)``. To add one, write its file and
name it in ``registry``.
"""
