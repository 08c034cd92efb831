"""Watch over many parts: alarms, control charts, and what the next shift must know. Nothing here judges a part."""
