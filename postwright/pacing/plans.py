"""Warm-up plans: the type, the built-in ones, and how they are written as data. Pure."""

from __future__ import annotations

from .built_in_plans import BUILT_IN
from .plan import Limits, Override, Plan
from .plan_json import plan_of, to_json

__all__ = ["BUILT_IN", "Limits", "Override", "Plan", "plan_of", "to_json"]
