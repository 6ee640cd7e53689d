"""Importers: convert files of other toolkits to Minari datasets."""
