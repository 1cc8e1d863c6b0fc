"""What simulated guests do, one kind of phase a file; scenarios give the parameters."""
