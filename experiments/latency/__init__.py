"""How long planning and training take, beside the machine's products and a PyTorch reference."""
