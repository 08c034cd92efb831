"""The PLC: one state machine, whatever protocol carries its process image. `stations/PLC.md` is the PLC's side of it."""
