"""What REST and pages share: typed parameters, error answers, dependencies of endpoints."""
