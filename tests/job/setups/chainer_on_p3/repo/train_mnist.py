import argparse
import os

import chainer
import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--data", default="data")
parser.add_argument("--gpu", type=int, default=-1)
parser.add_argument("--epoch", type=int, default=20)
parser.add_argument("--out", default="result")
args = parser.parse_args()

images = np.load(os.path.join(args.data, "images.npy"))
model = chainer.links.Linear(None, 10)
optimizer = chainer.optimizers.Adam()
optimizer.setup(model)
for epoch in range(args.epoch):
    loss = chainer.functions.sum(model(images))
    model.cleargrads()
    loss.backward()
    optimizer.update()
    print("epoch", epoch, "loss", float(loss.array))
chainer.serializers.save_npz(os.path.join(args.out, "model.npz"), model)
