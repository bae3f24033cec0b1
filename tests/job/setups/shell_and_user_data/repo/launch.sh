#!/bin/bash
# One spot instance that trains and turns itself off.
TYPE=${1:-p3.2xlarge}
REGION=eu-west-1
aws ec2 run-instances --region $REGION \
  --image-id ami-0123456789abcdef0 --instance-type $TYPE --count 1 \
  --iam-instance-profile Name=trainer \
  --security-group-ids sg-0123456789abcdef0 --subnet-id subnet-0123456789abcdef0 \
  --instance-market-options 'MarketType=spot,SpotOptions={MaxPrice=1.2}' \
  --block-device-mappings 'DeviceName=/dev/sda1,Ebs={VolumeSize=250}' \
  --tag-specifications 'ResourceType=instance,Tags=[{Key=Name,Value=train},{Key=team,Value=vision}]' \
  --user-data file://user_data.sh
