"""Reports: a run and its evaluations as one HTML file.

This is the only part of dfplan that needs Jinja2.
"""
