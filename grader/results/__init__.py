"""Keep the record of a run, and render it; nothing here decides anything."""
