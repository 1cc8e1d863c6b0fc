"""Guests that behave like guests, for people without KVM and for load tests.

A scenario is data: phases with a start and parameters (`scenarios/`, one file each). A phase turns
its parameters into `EVENT` rows and layout facts (`phases/`, one kind a file). The player merges
the phases by effect time and drives a `RecordingSink`, as fast as possible or at recorded pace.
Everything follows from (scenario, machine, seed): no wall clock and no global randomness is read
while rows are made.
"""
