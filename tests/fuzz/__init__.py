"""Fuzzing: broken, hostile and odd input for the whole function, and what must hold whatever it is."""
