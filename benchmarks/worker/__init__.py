"""How fast workers judge, beside what nobody can avoid."""
