"""Whether decisions are good ones: photos that look the same, samples that are judged again, care for who judges."""
