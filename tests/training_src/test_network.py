"""The small network: its gradients and its optimiser against PyTorch, and that it learns."""

import numpy as np
import pytest

from autoscaling_rl.toolkits.network import NAMES, AdamW, Network, hard_swish, hard_swish_slope

SIZES = 7, 12, 2  # inputs, hidden, outputs


def network(seed=0, *, double=False) -> Network:
    """Return a network with biases and a skip connection that are not zero."""
    rng = np.random.default_rng(seed)
    made = Network(rng, *SIZES)
    for name, values in made.parameters.items():
        values += 0.3 * rng.standard_normal(values.shape).astype(np.float32)
        if double:
            made.parameters[name] = values.astype(np.float64)
    return made


def rows(count, width, seed=1, *, scale=2.0):
    return np.random.default_rng(seed).normal(scale=scale, size=(count, width))


def test_parameters_are_single_precision_and_named():
    made = Network(np.random.default_rng(0), *SIZES)
    assert tuple(made.parameters) == NAMES
    assert {values.dtype for values in made.parameters.values()} == {np.dtype(np.float32)}
    assert made.forward(rows(5, 7).astype(np.float32)).dtype == np.float32


def test_a_generator_fixes_the_weights():
    one, again, other = (network(seed).parameters for seed in (0, 0, 1))
    assert all((one[name] == again[name]).all() for name in NAMES)
    assert (one["weight_0"] != other["weight_0"]).all()


def test_an_untrained_network_keeps_its_activations_in_scale():
    made = Network(np.random.default_rng(0), 100, 64, 2)
    made.forward(rows(500, 100, scale=1.0).astype(np.float32))
    _, first, _, second, _ = made._saved
    assert first.std() == pytest.approx(1.0, abs=0.2)
    assert second.std() == pytest.approx(1.0, abs=0.3)


def test_gradients_are_those_of_finite_differences():
    made, inputs, slope = network(double=True), rows(9, 7), rows(9, 2, seed=2)
    made.forward(inputs)
    gradients = made.backward(slope)
    assert set(gradients) == set(NAMES)
    step = 1e-6
    for name, values in made.parameters.items():
        for place in np.ndindex(values.shape):
            value, found = values[place], []
            for sign in (1, -1):
                values[place] = value + sign * step
                found.append(float((made.forward(inputs) * slope).sum()))
            values[place] = value
            expected = (found[0] - found[1]) / (2 * step)
            assert gradients[name][place] == pytest.approx(expected, rel=1e-4, abs=1e-4), name


def test_outputs_and_gradients_are_those_of_automatic_differentiation():
    torch = pytest.importorskip("torch")
    made, inputs, slope = network(), rows(200, 7), rows(200, 2, seed=2)
    p = {
        name: torch.tensor(values, dtype=torch.float64, requires_grad=True)
        for name, values in made.parameters.items()
    }
    x, swish = torch.tensor(inputs), torch.nn.functional.hardswish
    hidden = swish(swish(x @ p["weight_0"] + p["bias_0"]) @ p["weight_1"] + p["bias_1"])
    outputs = hidden @ p["weight_2"] + p["bias_2"] + x @ p["skip"]
    (outputs * torch.tensor(slope)).sum().backward()
    found = made.forward(inputs.astype(np.float32))
    assert found == pytest.approx(outputs.detach().numpy(), abs=1e-4)
    for name, gradient in made.backward(slope.astype(np.float32)).items():
        largest = float(p[name].grad.abs().max())
        assert gradient == pytest.approx(p[name].grad.numpy(), abs=1e-5 * largest), name


def test_hard_swish_is_flat_below_and_linear_above():
    values = np.array([-9, -3, -2.25, 0, 1.5, 2.25, 3, 9], np.float32)
    assert hard_swish(values).tolist() == pytest.approx([0, 0, -0.28125, 0, 1.125, 1.96875, 3, 9])
    # Near its ends the curve is steeper than a line, or falls.
    slopes = [0, 0, -0.25, 0.5, 1, 1.25, 1, 1]
    assert hard_swish_slope(values).tolist() == pytest.approx(slopes)


@pytest.mark.parametrize("largest", [1.0, 1e9])
def test_the_optimiser_is_adamw_that_decays_matrices_alone(largest):
    torch = pytest.importorskip("torch")
    decay, rng = 0.1, np.random.default_rng(4)
    ours = network().parameters
    theirs = {name: torch.tensor(values.copy()) for name, values in ours.items()}
    matrices = [values for name, values in theirs.items() if not name.startswith("bias")]
    vectors = [values for name, values in theirs.items() if name.startswith("bias")]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    reference = torch.optim.AdamW(groups, lr=1.0, betas=(0.9, 0.99), eps=1e-8, weight_decay=decay)
    optimiser = AdamW(decay=decay)
    for step in range(30):
        rate = 0.01 / (1 + step)
        gradients = {
            name: rng.normal(scale=0.02, size=values.shape).astype(np.float32)
            for name, values in ours.items()
        }
        optimiser.update(ours, gradients, rate, largest)
        for name, values in theirs.items():
            values.grad = torch.tensor(gradients[name])
        torch.nn.utils.clip_grad_norm_(list(theirs.values()), largest)
        for group in reference.param_groups:
            group["lr"] = rate
        reference.step()
    assert optimiser.steps == 30
    for name, values in ours.items():
        assert values == pytest.approx(theirs[name].numpy(), abs=1e-5), name


def test_it_learns_a_curve():
    rng = np.random.default_rng(0)
    made, optimiser = Network(rng, 3, 16, 1), AdamW()
    inputs = rng.uniform(-2, 2, (512, 3)).astype(np.float32)
    wanted = (np.sin(inputs[:, :1] * 2) + inputs[:, 1:2] * inputs[:, 2:]).astype(np.float32)
    for _ in range(600):
        differs = made.forward(inputs) - wanted
        optimiser.update(made.parameters, made.backward(differs / len(inputs)), 0.01)
    assert (differs**2).mean() < 0.05 * wanted.var()
