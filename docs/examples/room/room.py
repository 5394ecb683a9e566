"""A room with a heater, exported as FMU: python -m pythonfmu build -f room.py"""

from pythonfmu import DefaultExperiment, Fmi2Causality, Fmi2Slave, Fmi2Variability, Real


class Room(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.heating = 0.0  # watts
        self.outside = 5.0  # degrees Celsius
        self.start_temperature = 15.0
        self.temperature = 15.0
        self.default_experiment = DefaultExperiment(step_size=300.0, stop_time=86_400.0)
        fixed = {"causality": Fmi2Causality.parameter, "variability": Fmi2Variability.fixed}
        self.register_variable(Real("heating", causality=Fmi2Causality.input))
        self.register_variable(Real("outside", **fixed))
        self.register_variable(Real("start_temperature", **fixed))
        self.register_variable(Real("temperature", causality=Fmi2Causality.output))

    def exit_initialization_mode(self):
        self.temperature = self.start_temperature

    def do_step(self, current_time, step_size):
        loss = 100.0 * (self.temperature - self.outside)  # watts
        self.temperature += step_size * (self.heating - loss) / 2e6
        return True
