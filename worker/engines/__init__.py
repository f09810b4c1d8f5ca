"""What looks at a photo."""

import os

# ONNX Runtime is built to report to its makers, on Linux as well, and asks nobody first. It reads this when it is
# imported, so it stands where every import of it comes by.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
