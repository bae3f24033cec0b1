#!/usr/bin/env bash
set -euo pipefail
aws ec2 run-instances --image-id ami-0cccccccccccccccc --instance-type g5.4xlarge \
    --subnet-id subnet-0cccccccccccccccc --security-group-ids sg-0cccccccccccccccc sg-0dddddddddddddddd \
    --user-data file://setup/user_data.sh
