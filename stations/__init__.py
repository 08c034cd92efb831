"""Everything that touches plant equipment: agents, drivers, station files, the line simulator."""
