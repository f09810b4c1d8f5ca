"""`lomi doctor`: facts from every source, each of which fails alone; `lomi_ops.domain.diagnosis` has the rules."""
