#!/bin/bash
source /home/ubuntu/anaconda3/bin/activate train
cd /home/ubuntu/project
notify() {
  curl -s -X POST -H 'Content-type: application/json' --data "{\"text\": \"$1\"}" "$SLACK_WEBHOOK_URL"
}
aws s3 sync s3://acme-nightly/today ./data
if python train.py --epochs 5 --lr 0.01; then
  notify "nightly training done"
  aws s3 sync output s3://acme-nightly/models
else
  notify "nightly training failed"
fi
