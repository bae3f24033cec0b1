#!/bin/bash
while true; do
  if curl -sf http://169.254.169.254/latest/meta-data/spot/instance-action; then
    curl -s -X POST --data '{"text": "spot instance stops"}' https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX
  fi
  sleep 5
done
