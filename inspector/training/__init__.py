"""Labelled parts and a recipe in, a model and its figures out."""
