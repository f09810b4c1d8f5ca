"""A double of CompreFace 1.2.0: real HTTP on loopback, the core and the API, their faults included.

It is faithful where a client can notice: statuses, bodies, order of checks, which worker is busy, what a gateway says
when the core is gone. It sees no faces by itself: a script says which image shows whom.
"""

from tests.doubles.compreface.personality import FACENET, INSIGHTFACE, Personality
from tests.doubles.compreface.quota import Quota
from tests.doubles.compreface.script import ADULT, Face, Script, marked_png
from tests.doubles.compreface.server import CompreFaceDouble
from tests.doubles.faults import Canned, Drip, Fault, Html, Oversize, Reset, Stall, Throttle, Truncated

__all__ = [
    "ADULT", "FACENET", "INSIGHTFACE", "Canned", "CompreFaceDouble", "Drip", "Face", "Fault", "Html", "Oversize",
    "Personality", "Quota", "Reset", "Script", "Stall", "Throttle", "Truncated", "marked_png",
]  # fmt: skip
