"""What a host lets a recording show, what each missing piece costs, what dead collectors left."""
