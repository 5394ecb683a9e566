"""moto's Step Functions interpreter, extended by the tasks of the workflow and put right."""
