"""The rules of a working day on the road, without any framework."""
