"""Importers: files of other toolkits as Minari datasets."""
