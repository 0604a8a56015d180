"""A shop's day: orders, payments, invoices and e-mails by messages; what happened, by facts. Run `main.py`."""
