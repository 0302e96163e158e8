"""A demonstration on real interfaces: invented people, a fixed seed, a whole day through the public APIs."""
