"""Datasets: reading and writing Minari datasets, and cutting them into training windows."""
