#!/bin/bash
# usage: ./run.sh [learning rate]
cd "$(dirname "$0")"
LR=${1:-0.4}
ARGS="--epochs 90 --batch-size 128"
if [ -n "$DEBUG" ]; then
  ARGS="--epochs 1"
fi
aws s3 sync s3://acme-imagenet/train data --only-show-errors
tmux new-session -d -s train "torchrun --standalone --nproc_per_node=8 train.py --data-dir data --lr $LR $ARGS --amp"
