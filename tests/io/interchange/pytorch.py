"""Writes files with PyTorch itself, and reads ours with it. Run by pytorch_test.cpp."""

import argparse
import collections
import os
import sys

import torch


def values():
    """What the C++ side expects: small whole numbers, exact in every type."""
    shared = torch.arange(10, dtype=torch.float32)
    model = collections.OrderedDict()
    model["single"] = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    model["half"] = torch.arange(-2, 3).to(torch.float16)
    model["brain"] = torch.arange(-2, 3).to(torch.bfloat16)
    model["double"] = torch.arange(4, dtype=torch.float64).reshape(2, 1, 2)
    model["index"] = torch.arange(5, dtype=torch.int64)
    model["parameter"] = torch.nn.Parameter(torch.ones(3))
    model["view"] = shared[4:7]
    model["scalar"] = torch.tensor(2.5)
    return model


class Hostile:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return (os.system, (self.command,))


def save(kind, path):
    checkpoint = {
        "args": argparse.Namespace(lr=0.1, names=["a", "b"]),
        "cfg": {"model": {"layers": 40}, "nothing": None, "large": 2**70},
        "optimizer_history": [{"num_updates": 7, "lr_scheduler_state": {"best": None}}],
        "extra_state": {"metrics": [(0, "loss", "AverageMeter", {"val": torch.tensor(1.5)})]},
        "model": values(),
    }
    if kind == "protocol2":
        torch.save(checkpoint, path)
    elif kind == "protocol4":
        torch.save(checkpoint, path, pickle_protocol=4)
    elif kind == "state_dict":
        torch.save(torch.nn.Linear(3, 2).state_dict(), path)
    elif kind == "hostile":
        checkpoint["cfg"]["hook"] = Hostile("touch " + path + ".owned")
        torch.save(checkpoint, path)
    elif kind == "transposed":
        checkpoint["model"]["turned"] = torch.zeros(2, 3).t()
        torch.save(checkpoint, path)
    elif kind == "before-1.6":
        torch.save(checkpoint, path, _use_new_zipfile_serialization=False)


def load(path):
    model = torch.load(path, weights_only=True)["model"]
    expected = values()
    assert list(model) == [name for name in expected if name != "parameter"], list(model)
    for name, tensor in model.items():
        assert tensor.dtype == expected[name].dtype, name
        assert tensor.shape == expected[name].shape, name
        assert torch.equal(tensor, expected[name]), name


if sys.argv[1] == "load":
    load(sys.argv[2])
else:
    save(sys.argv[1], sys.argv[2])
