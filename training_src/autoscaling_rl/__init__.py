"""What learns: environment, load, baselines, toolkits and the controller of the artifact.

Importing the package costs nothing; `import autoscaling_rl.environments` registers
`AutoScaling-v0`.
"""

import os

# Small networks gain nothing from a second thread of NumPy's, which costs CPU time all the same. It
# must be said before NumPy is imported first; whoever sets the variable is obeyed.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
