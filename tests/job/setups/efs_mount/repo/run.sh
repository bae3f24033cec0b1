#!/bin/bash
DATA=${DATA:-/mnt/efs/datasets/road}
CUDA_VISIBLE_DEVICES=0 python train.py --data-dir $DATA --epochs "${EPOCHS:-30}"
