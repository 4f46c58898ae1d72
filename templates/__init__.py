"""Jinja2 templates, one folder per service; read through ``importlib.resources``, never by path."""
