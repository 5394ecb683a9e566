"""Models that tests export as FMU, with pythonfmu (version 2) and pythonfmu3."""

# The example's room for version 3 of FMI.
ROOM_3 = """
from pythonfmu3 import DefaultExperiment, Float64, Fmi3Causality, Fmi3Slave, Fmi3Variability

class Room(Fmi3Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time = 0.0
        self.heating = 0.0
        self.outside = 5.0
        self.start_temperature = 15.0
        self.temperature = 15.0
        self.default_experiment = DefaultExperiment(step_size=300.0, stop_time=86_400.0)
        fixed = {"causality": Fmi3Causality.parameter, "variability": Fmi3Variability.fixed}
        varying = {"variability": Fmi3Variability.continuous}
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, **varying))
        self.register_variable(Float64("heating", causality=Fmi3Causality.input, **varying))
        self.register_variable(Float64("outside", **fixed))
        self.register_variable(Float64("start_temperature", **fixed))
        self.register_variable(Float64("temperature", causality=Fmi3Causality.output, **varying))

    def exit_initialization_mode(self):
        self.temperature = self.start_temperature

    def do_step(self, current_time, step_size):
        loss = 100.0 * (self.temperature - self.outside)
        self.temperature += step_size * (self.heating - loss) / 2e6
        return True
"""

# Every type that version 2 has, and what can go wrong in a step.
KINDS_2 = """
from pythonfmu import Boolean, Fmi2Causality, Fmi2Slave, Integer, Real, String

class Kinds(Fmi2Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.gear, self.on, self.note = 0, False, "x"
        self.product, self.count, self.hot = 0.0, 0, False
        self.register_variable(Integer("gear", causality=Fmi2Causality.input))
        self.register_variable(Boolean("on", causality=Fmi2Causality.input))
        self.register_variable(String("note", causality=Fmi2Causality.output))
        self.register_variable(Real("product", causality=Fmi2Causality.output))
        self.register_variable(Integer("count", causality=Fmi2Causality.output))
        self.register_variable(Boolean("hot", causality=Fmi2Causality.local))

    def do_step(self, current_time, step_size):
        self.count += 1
        self.hot = self.count > 1
        self.product = float(self.gear * self.on)
        if self.gear == 7:
            self.product = float("nan")
        if self.gear == 9:
            raise RuntimeError("the gearbox broke")
        return self.gear != 8
"""
KINDS_3 = """
from pythonfmu3 import Boolean, Fmi3Causality, Fmi3Slave, Fmi3Variability, Float64, Int32, UInt64

class Kinds(Fmi3Slave):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.time, self.gear, self.on = 0.0, 0, False
        self.product, self.count, self.hot = 0.0, 0, False
        kind = {"variability": Fmi3Variability.discrete}
        varying = {"variability": Fmi3Variability.continuous}
        self.register_variable(Float64("time", causality=Fmi3Causality.independent, **varying))
        self.register_variable(Int32("gear", causality=Fmi3Causality.input, **kind))
        self.register_variable(Boolean("on", causality=Fmi3Causality.input, **kind))
        self.register_variable(Float64("product", causality=Fmi3Causality.output, **kind))
        self.register_variable(UInt64("count", causality=Fmi3Causality.output, **kind))
        self.register_variable(Boolean("hot", causality=Fmi3Causality.local, **kind))

    def do_step(self, current_time, step_size):
        self.count += 1
        self.hot = self.count > 1
        self.product = float(self.gear * self.on)
        return True
"""
