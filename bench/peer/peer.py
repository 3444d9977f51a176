"""The PyTorch side of the benchmarks: `peer.py THREADS`.

Reads requests from stdin, one JSON object a line, and answers each with one JSON line on stdout:

    {"do": "prepare", "operation": {...}}                            -> {"layouts": ["nchw", ...]}
    {"do": "time", "pass": "forward", "layout": "nchw", "calls": 8}  -> {"seconds": of one call}
    {"do": "start", "task": {...}, "layout": "nchw"}                 -> {}
    {"do": "step"}                                                   -> {"seconds": ..., "loss": ...}
    {"do": "end"}                                                    -> {"peakBytes": ...}, and ends

The first line, before any request, says what is here: {"version", "threads", "blas", "models"}, or {"missing": why}.
Errors: {"error": one line}.
"""

import json
import resource
import sys
import time


def answer(values):
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def blas():
    """Path of the BLAS library that was loaded, which decides the speed of matrix products."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "/lib" in line and "blas" in line}
    return ", ".join(sorted(paths)) or "built in"


class Peer:
    def __init__(self):
        self.layouts = {}
        self.training = None

    def prepare(self, request):
        import operations

        self.layouts = operations.layouts(request["operation"])
        return {"layouts": list(self.layouts)}

    def time(self, request):
        run = self.layouts[request["layout"]][request["pass"]]
        calls = request["calls"]
        started = time.perf_counter()
        for _ in range(calls):
            run()
        return {"seconds": (time.perf_counter() - started) / calls}

    def start(self, request):
        import network

        self.training = network.Training(request["task"], request["layout"], request["joined"], request["precision"])
        return {}

    def step(self, _):
        return self.training.step()

    def end(self, _):
        return {"peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def main():
    try:
        import torch
    except ImportError as error:
        answer({"missing": str(error)})
        return
    torch.set_num_threads(int(sys.argv[1]))
    torch.manual_seed(1)
    import network

    answer({"version": torch.__version__, "threads": torch.get_num_threads(), "blas": blas(), "models": network.MODELS})
    peer = Peer()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer(getattr(peer, request["do"])(request))
        except Exception as error:
            answer({"error": f"{type(error).__name__}: {error}".split("\n")[0]})
        if request["do"] == "end":
            return


main()
