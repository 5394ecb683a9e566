"""CloudFormation in the local AWS: moto's engine, with the resources it lacks or gets wrong."""
