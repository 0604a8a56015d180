"""The base class of public errors. Each room's own errors live in that room."""

from .base import TrouperError as TrouperError
