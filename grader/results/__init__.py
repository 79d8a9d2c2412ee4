"""Renderings of a record; nothing here decides anything."""
