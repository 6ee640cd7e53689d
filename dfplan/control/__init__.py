"""Control: how robots are driven by plans."""
