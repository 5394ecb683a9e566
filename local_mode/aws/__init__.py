"""What the local AWS does itself: the parts where moto has no real work behind its answers."""
