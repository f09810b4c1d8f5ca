"""Judging decided photos again: the plan, and the run that carries it out."""
