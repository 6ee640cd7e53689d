"""Minari datasets on disk: read as data alone, written whole or not at all."""
