"""`make bench`: the layers against torch, then what the engine costs."""

from . import engine, layers

layers.main()
engine.main()
