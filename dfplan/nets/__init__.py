"""Networks: denoisers with a noise level per token, inverse dynamics, and small ones as arrays."""
