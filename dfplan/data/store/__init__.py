"""Minari datasets on disk: reading runs no code, and writing is atomic."""
