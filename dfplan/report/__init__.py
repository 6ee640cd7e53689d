"""Reports: a run and its evaluations as one page.

It needs Jinja2, which no other part of dfplan does.
"""
