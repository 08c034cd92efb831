"""Inspection of parts by picture, sound and sensors: from a capture to a verdict, a place, a cause and a fix."""
