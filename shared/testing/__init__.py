"""What tests of several folders need to run real parts."""
