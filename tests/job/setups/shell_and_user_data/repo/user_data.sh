#!/bin/bash
BUCKET=s3://acme-vision
cd /home/ubuntu/project
source activate pytorch_p36
aws s3 sync $BUCKET/faces /home/ubuntu/faces
for lr in 0.05; do
  nohup python train.py --data-dir /home/ubuntu/faces --lr $lr --epochs 90 --amp --out output > train.log 2>&1
done
aws s3 cp --recursive output $BUCKET/results
sudo shutdown -h now
