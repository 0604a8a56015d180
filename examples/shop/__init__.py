"""An order process that ends well or is undone, whatever is killed meanwhile. Run `main.py`."""
