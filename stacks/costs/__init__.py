"""What a stage costs: prices, assumed volumes and rows, for the tables of `stacks.cost`."""
