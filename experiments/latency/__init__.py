"""Planning and training time, compared with the machine's matrix products and with PyTorch."""
