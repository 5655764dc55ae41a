"""The drill: real servers and stateful fake providers on the loopback interface, and a leak to clean up."""
