"""Tables, figures and videos that are made from the measurements."""
